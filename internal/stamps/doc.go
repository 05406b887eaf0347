// Package stamps tells how far the times of files can be trusted.
//
// Two versions of a file have different signatures only if the file system stamped the
// second change later than the first one. How far apart changes have to be depends on
// the file system:
//
//   - Most local ones stamp with the kernel's clock, which moves in steps of up to 10 ms.
//   - ext2, ext3, ext4 with inodes of 128 bytes and HFS+ count seconds, FAT counts two.
//     All of them show as a change time without nanoseconds.
//   - Remote ones (NFS, SMB, 9p, FUSE) stamp with a clock that is not ours.
//
// A program that has a file open for writing may have mapped it into its memory. What it
// writes there changes the time only once, until the page is written to the disk.
package stamps
