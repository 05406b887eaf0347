// Package setup turns replibuild.toml, module descriptions, pkg-config and the
// compilers found into an [ipc.Plan]. It implements [ipc.Setup].
//
// It promises three things. Every mistake in the configuration is reported at once,
// with its place and what to write instead. A plan names everything that it was made
// from, what was looked for in vain and what was listed included, so that a change
// of any of it is a change of the plan. And a plan that is known is given again only
// after each of these was looked at, once, which takes a few milliseconds.
//
// The way of a plan: a document is decoded with the place of every key (locate,
// decode, project), targets and their dependencies are put in order (targets,
// steps), compilers are found and identified (compilers, probe, identity), modules
// resolved (modules, pkgconfig), sources listed (sources, mains), and all of it
// becomes commands, units and links (plan, link).
package setup
