// Package buildlog reads and writes .ninja_log: for each output when its command ran, a
// hash of that command, and the time that inputs are compared with.
//
// Versions 5 (ninja 1.9 to 1.11), 6 (1.12) and 7 (1.13) are known. A log keeps the version
// that it has, so that the ninja that made it can go on with it; a new one gets
// [DefaultVersion]. A log of another version, or a broken one, is no error: it is started
// over, as ninja does, and everything is built again. The last line of a killed build may
// be torn; it is ignored.
package buildlog
