// Package widgets draws the parts that panes are made of: boxes, tables, gauges,
// sparklines, dialogs. All are plain functions from values to lines of an exact
// size; none keeps state or knows what it shows.
package widgets
