package setup

import "testing"

func TestScanMain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text string
		want       definesMain
	}{
		{"plain", "int main() { return 0; }", certainMain},
		{"arguments", "int\nmain(int argc,\n char *argv[])\n{\n}", certainMain},
		{"trailing type", "auto main(int, char**) -> int { }", certainMain},
		{"try block", "int main() try { } catch (...) { }", certainMain},
		{"noexcept", "int main() noexcept(true) { }", certainMain},
		{"attribute", "[[gnu::used]] int main() __attribute__((cold)) { }", certainMain},
		{"no type", "main() { }", certainMain},
		{"extern C", "extern \"C\" {\nint main() { }\n}", certainMain},
		{"extern C alone", "extern \"C\" int main() { }", certainMain},
		{"continued", "int ma\\\nin() {}\nint \\\nmain() {}", certainMain},
		{"after a char", "char q = '\"'; int main() { }", certainMain},
		{"digit separator", "int x = 1'000'000; int main() { }", certainMain},
		{"raw string before", "auto s = R\"x(\" )\" )x\"; int main() { }", certainMain},
		{"windows", "int WINAPI WinMain(HINSTANCE a, HINSTANCE b, LPSTR c, int d) { }", certainMain},
		{"catch", "#define CATCH_CONFIG_MAIN\n#include <catch2/catch.hpp>", certainMain},
		{"boost", "#define BOOST_TEST_MODULE my tests", certainMain},
		{"benchmark", "BENCHMARK(f);\nBENCHMARK_MAIN();", certainMain},
		{"in ifdef", "#ifdef TEST\nint main() { }\n#endif", maybeMain},
		{"in else", "#if 0\n#else\nint main() { }\n#endif", maybeMain},
		{"both", "#ifdef A\nint main() { }\n#endif\nint main() { }", certainMain},
		{"declaration", "int main(int, char**);", noMain},
		{"comment", "// int main() { }\n/* int main() { } */", noMain},
		{"comment continued", "// x \\\nint main() { }\n", noMain},
		{"string", `const char *s = "int main() { }";`, noMain},
		{"raw string", "auto s = R\"(int main() { })\";", noMain},
		{"disabled", "#if 0\nint main() { }\n#endif", noMain},
		{"namespace", "namespace a { int main() { } }", noMain},
		{"method", "struct A { int main() { return 1; } };", noMain},
		{"qualified", "int A::main() { return 1; }", noMain},
		{"call", "int x = f(main);\nvoid g() { main(); }", noMain},
		{"other name", "int domain() { } int main2() { } int remain(void) { }", noMain},
		{"macro body", "#define RUN int main() { }\n", noMain},
		{"commented macro", "// #define CATCH_CONFIG_MAIN\n", noMain},
		{"variable", "int main = 1;", noMain},
		{"unclosed", "int main(", noMain},
		{"unclosed comment", "/* int main() { }", noMain},
		{"empty", "", noMain},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := scanMain([]byte(c.text)); got != c.want {
				t.Errorf("scanMain = %d, want %d", got, c.want)
			}
		})
	}
}

func FuzzScanMain(f *testing.F) {
	for _, s := range []string{
		"int main() {}", "#if 0\nmain(\\\n", "R\"(main", "'\\", "/*", "extern \"C\" { int main() {", "u8R\"xx(main(){)xx\"", "\"\\\n", "#define \\\r\nCATCH_CONFIG_MAIN",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got := scanMain(text)
		scanIncludes(text)
		// What follows a whole text cannot take a main back; what hides it can.
		if hidden := scanMain([]byte("#if 0\n" + string(text))); got == noMain && hidden == certainMain {
			t.Errorf("hidden text has a main: %q", text)
		}
	})
}
