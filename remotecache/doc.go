// Package remotecache is the remote cache as a build sees it: results by key on a server
// that other people and machines use too.
package remotecache
