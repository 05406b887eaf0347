// Package portable makes texts independent of the folders that a project lies in, and says
// which results may serve in another folder.
//
// A project that lies in two folders, two worktrees for example, has two names for each of
// its files. [Roots] replaces those folders by markers, so that keys, dependency files and
// diagnostics of both are equal, and puts other folders in the markers' places.
//
// That an object does not contain the name of its folder proves nothing: a hash of __FILE__
// computed at compile time, names made unique by the source's path, and compressed debug
// information differ between folders all the same. So [Compile] accepts only options that
// are known to be harmless, and its callers also need a reason to believe that the folder
// does not matter: a prefix map over every root, or a compile under another name of the
// root that made the same bytes.
package portable
