// Package buildsystem configures the build folder of a project with [build] in its
// replibuild.toml, by CMake or Meson, and runs make where make builds the project.
//
// [Configure] runs the build system when the folder has no build.ninja, when [build] is not
// what the folder was configured by, and when the last time did not end well. All else that
// a configured folder depends on, CMakeLists.txt for example, is in its build.ninja, which
// makes itself again.
//
// What the folder was configured by is in .replibuild/state beneath it (record.go), written
// before the build system starts: so one that was killed is noticed. Values of an earlier
// [build] do not stay: the folder's settings are removed before it is configured by other
// ones (fresh.go); objects stay.
package buildsystem
