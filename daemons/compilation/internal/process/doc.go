// Package process runs the commands of a compilation service and ends them.
//
// What it promises:
//
//   - Every process gets a group of its own ([Runner]). When its context ends the group
//     gets SIGTERM, then SIGKILL, and nothing of the group is left when Run returns.
//   - A process gets the settings of the caller of the build: umask, signals, limits.
//   - Work starts in the order in which it asked, when a slot is free and the memory that
//     it is expected to take is available ([Slots], [Sequencer]). If memory runs short the
//     youngest is ended, to be run again.
//   - Where it can, a process is forked from a resident program that has loaded its
//     libraries already ([Warm]); what comes out is the same.
//   - What a killed service left running is found and ended by the next ([Lease]).
package process
