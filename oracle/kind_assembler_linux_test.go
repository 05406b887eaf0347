package oracle

import "fmt"

// assemblerKind has sources that the assembler reads further files for, of which no
// dependency file tells.
func assemblerKind() kind {
	return kind{name: "assembler", prepare: func(w *world) {
		w.save("p/asm/table.inc", ".long 12345\n", true)
		w.save("p/asm/blob.bin", "12345", true)
	}, source: func(_ *world, function, _ string) string {
		return fmt.Sprintf(`__asm__(".pushsection .rodata\n.globl %[1]s_table\n%[1]s_table:\n.include \"asm/table.inc\"\n.popsection");
#define INCLUDE_BYTES ".inc" "bin"
__asm__(".pushsection .rodata\n.globl %[1]s_blob\n%[1]s_blob:\n" INCLUDE_BYTES " \"asm/blob.bin\"\n.popsection");
`, function)
	}, turns: []turn{
		{2, "include", func(w *world) []string { return w.assemblerTurn("p/asm/table.inc") }},
		{2, "incbin", func(w *world) []string { return w.assemblerTurn("p/asm/blob.bin") }},
		{1, "first", (*world).assembleFirst},
	}}
}

func (w *world) assemblerTurn(file string) []string {
	w.note("edit %s", file)
	w.save(file, w.otherNumber(w.read(file)), w.chance(50))
	if w.chance(50) {
		return w.buildAndJudge()
	}
	return w.twice()
}

// assembleFirst makes a first build on an empty home and edits then.
func (w *world) assembleFirst() []string {
	w.forgetAll()
	if wrong := w.buildAndJudge(); len(wrong) > 0 {
		return wrong
	}
	return w.assemblerTurn(pick(w, []string{"p/asm/table.inc", "p/asm/blob.bin"}))
}
