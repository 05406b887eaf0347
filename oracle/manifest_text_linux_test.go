package oracle

import (
	"fmt"
	"strings"
)

// mHook is what each plain command begins with. It notes that the command runs. trap-ID has the
// command end ninja once: before it writes anything, or when it has.
const mHook = `echo $id >>trace
trap=
if [ -e trap-$id ]; then
	trap=$(cat trap-$id)
	rm trap-$id
fi
spring() {
	case $trap in
	$1-kill) kill -9 $PPID; exit 1 ;;
	$1-int) kill -INT $PPID; sleep 60; exit 1 ;;
	esac
}
spring early
`

// mParts are what the rules of plain commands have in common.
var mParts = strings.NewReplacer(
	"@begin", "id=$id; . ./hook;",
	"@end", "; r=$$?; spring late; (exit $$r) && : $salt $flags",
	"@keep", `for o in $out $extra; do head -c 3 $id.new | cmp -s - "$$o" || head -c 3 $id.new >"$$o"; done; rm -f $id.new`,
)

// mRules are the rules of plain commands. A restat rule leaves outputs alone that would get the
// same content.
var mRules = mParts.Replace(`pool narrow
  depth = 1
pool wide
  depth = 2
rule cat
  command = @begin cat $in | tee $out $extra >/dev/null@end
rule restat
  command = @begin cat $in >$id.new && { @keep; }@end
  description = RESTAT $out
  restat = 1
rule deps
  command = @begin cat $in $hidden 2>/dev/null | tee $out $extra >/dev/null; printf '%s\n' $deptext >$id.d@end
  depfile = $id.d
  deps = gcc
rule depfile
  command = @begin cat $in $hidden 2>/dev/null | tee $out $extra >/dev/null; printf '%s\n' $deptext >$id.d@end
  description = DEPFILE $id
  depfile = $id.d
rule restatdeps
  command = @begin cat $in $hidden 2>/dev/null >$id.new; { @keep; }; printf '%s\n' $deptext >$id.d@end
  depfile = $id.d
  deps = gcc
  restat = 1
rule rsp
  command = @begin cat $id.rsp $in | tee $out $extra >/dev/null@end
  rspfile = $id.rsp
  rspfile_content = $in
rule rspline
  command = @begin cat $id.rsp $in | tee $out $extra >/dev/null@end
  rspfile = $id.rsp
  rspfile_content = $in_newline
rule early
  command = @begin ! grep -h bad $in && cat $in | tee $out $extra >/dev/null@end
rule late
  command = @begin cat $in | tee $out $extra >/dev/null; if grep -q bad $in; then echo "$id has bad input" >&2; (exit 3); fi@end
  description = LATE $id
rule noise
  command = @begin printf 'warning: \033[31mred\033[0m $id\n'; cat $in | tee $out $extra@end
  description = NOISE $id
rule dd
  command = @begin cp $in $out@end
rule header
  command = @begin (echo '#define GEN \'; cat $in | cksum | cut -c 1-3) >$out@end
rule headerrestat
  command = @begin (echo '#define GEN \'; cat $in | cksum | cut -c 1-1) >$id.new; cmp -s $id.new $out || cp $id.new $out; rm -f $id.new@end
  restat = 1
rule run
  command = @begin ./app >$out@end
rule cc
  command = $cc -Iinc0 -Iinc1 -I. $options $salt -MD -MF $out.d -c $in -o $out
  description = CC $out
  depfile = $out.d
  deps = gcc
rule ar
  command = rm -f $out && ar qc $out $in && ranlib $out
  description = AR $out
rule link
  command = : && $cc $salt $in -o $out && :
  description = LINK $out
`)

// mMaker makes build.ninja.
var mMaker = mParts.Replace(`rule generate
  command = @begin cp manifest.in build.ninja@end
  generator = 1
rule generaterestat
  command = @begin cmp -s manifest.in build.ninja || cp manifest.in build.ninja@end
  generator = 1
  restat = 1
`)

// ninjaPath writes a path for a manifest, now and then as a person might.
func (m *manifest) ninjaPath(path string) string {
	if len(path)%7 == 3 {
		path = "sub/../" + path
	}
	return ninjaEscape(path)
}

func ninjaEscape(path string) string {
	return strings.NewReplacer("$", "$$", " ", "$ ", ":", "$:").Replace(path)
}

func (m *manifest) ninjaPaths(paths []string) string {
	var b strings.Builder
	for _, p := range paths {
		b.WriteString(" " + m.ninjaPath(p))
	}
	return b.String()
}

// shellWords quotes words for a shell, as a value of a manifest.
func shellWords(words ...string) string {
	var quoted []string
	for _, w := range words {
		quoted = append(quoted, "'"+strings.ReplaceAll(w, "'", `'\''`)+"'")
	}
	return strings.ReplaceAll(strings.Join(quoted, " "), "$", "$$")
}

// depText is the depfile of an edge.
func depText(e *mEdge) string {
	escape := strings.NewReplacer("$", "$$", " ", `\ `)
	var b strings.Builder
	b.WriteString(escape.Replace(e.outs[0]) + ":")
	for i, in := range append(e.ins[:len(e.ins):len(e.ins)], e.hidden...) {
		if i%2 == 1 {
			b.WriteString(" \\\n ")
		}
		b.WriteString(" " + escape.Replace(in))
	}
	return b.String()
}

// edgeText is an edge in the manifest.
func (m *manifest) edgeText(e *mEdge) string {
	var b strings.Builder
	b.WriteString("build" + m.ninjaPaths(e.outs))
	if len(e.extra) > 0 {
		b.WriteString(" |" + m.ninjaPaths(e.extra))
	}
	b.WriteString(": " + e.kind + m.ninjaPaths(e.ins))
	if len(e.implicit) > 0 {
		b.WriteString(" |" + m.ninjaPaths(e.implicit))
	}
	order := e.order
	if e.dyndep != "" {
		order = append(order[:len(order):len(order)], e.dyndep)
	}
	if len(order) > 0 {
		b.WriteString(" ||" + m.ninjaPaths(order))
	}
	if len(e.valid) > 0 {
		b.WriteString(" |@" + m.ninjaPaths(e.valid))
	}
	b.WriteString("\n")
	if e.kind == "phony" {
		return b.String()
	}
	fmt.Fprintf(&b, "  id = %s\n", e.id)
	if extra := append(e.extra[:len(e.extra):len(e.extra)], e.dynOuts...); len(extra) > 0 {
		fmt.Fprintf(&b, "  extra = %s\n", shellWords(extra...))
	}
	if e.kind == "deps" || e.kind == "depfile" || e.kind == "restatdeps" {
		var lines []string
		for line := range strings.SplitSeq(depText(e), "\n") {
			lines = append(lines, line)
		}
		fmt.Fprintf(&b, "  hidden = %s\n  deptext = %s\n", shellWords(e.hidden...), shellWords(lines...))
	}
	if e.salt != "" {
		fmt.Fprintf(&b, "  salt = %s\n", e.salt)
	}
	if e.pool != "" {
		fmt.Fprintf(&b, "  pool = %s\n", e.pool)
	}
	if e.dyndep != "" {
		fmt.Fprintf(&b, "  dyndep = %s\n", strings.ReplaceAll(e.dyndep, "$", "$$"))
	}
	return b.String()
}

// dyndepText is the source of an edge's dyndep file.
func (m *manifest) dyndepText(e *mEdge) string {
	text := "ninja_dyndep_version = 1\nbuild " + ninjaEscape(e.outs[0])
	if len(e.dynOuts) > 0 {
		text += " |" + m.ninjaPaths(e.dynOuts)
	}
	text += ": dyndep"
	if len(e.dynIns) > 0 {
		text += " |" + m.ninjaPaths(e.dynIns)
	}
	text += "\n"
	if e.dynRestat {
		text += "  restat = 1\n"
	}
	return text
}

// files are those that make the manifest. Rules come by include, some edges by subninja.
func (m *manifest) files() map[string]string {
	scopes := map[string]string{}
	for _, e := range m.live() {
		scopes[e.scope] += m.edgeText(e)
	}
	var b strings.Builder
	b.WriteString("ninja_required_version = 1.10\n")
	if m.buildDir != "" {
		fmt.Fprintf(&b, "builddir = %s\n", m.buildDir)
	}
	fmt.Fprintf(&b, "flags = %s\ncc = %s\noptions = %s\ninclude rules.ninja\n", m.flags, m.compiler, m.options)
	if m.maker != "" {
		b.WriteString(mMaker)
		fmt.Fprintf(&b, "build build.ninja: %s manifest.in | rules.ninja inc.ninja sub$ .ninja\n  id = manifest\n  pool = console\n", strings.ReplaceAll(strings.Replace(m.maker, "generator", "generate", 1), " ", ""))
	}
	b.WriteString("include inc.ninja\n" + scopes["main"] + "subninja sub$ .ninja\n")
	if len(m.defaults) > 0 {
		b.WriteString("default" + m.ninjaPaths(m.defaults) + "\n")
	}
	all := map[string]string{
		"hook": mHook, "rules.ninja": mRules, "inc.ninja": scopes["inc"],
		"sub .ninja": "flags = $flags " + m.subFlags + "\n" + scopes["sub"], "build.ninja": b.String(),
	}
	if m.maker != "" {
		delete(all, "build.ninja")
		all["manifest.in"] = b.String()
	}
	for _, e := range m.live() {
		if e.dyndep != "" {
			all[e.id+".dd.in"] = m.dyndepText(e)
		}
	}
	return all
}
