// Package snapshot looks at files for a request, each file once, and compares what is there
// with what an earlier result was made from.
//
// What it promises:
//
//   - A [Tree] looks at each path once, so that all actions of a request decide by one state
//     of the files. It finds out whether a file that was hashed may have changed since.
//   - A content is taken from the [HashCache] only for a signature that no other content can
//     have: files that were changed or open for writing when they were read are hashed again.
//   - An input set holds what was read by content, what was looked for and not found, and
//     predicates of files other than their content ([ModeAndTime], [LeadsTo], …). An
//     [Interner] keeps the sets of thousands of units in little memory.
//   - What the text of a file says ([Scan]) depends on its content only, and is kept by that.
package snapshot
