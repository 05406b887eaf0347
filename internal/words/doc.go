// Package words holds the short texts that people read about units, builds and the
// cache: states, reasons, ages, counts. The daemons put them into [ipc.Reason], so that
// the command line, --json and the dashboard show the same text for the same thing.
//
// A text is a plain fragment without a capital and without a full stop, ready to stand
// in a table cell or after a colon. Programs read codes ([ipc.Reason].Code), never texts.
package words
