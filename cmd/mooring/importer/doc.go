// Package importer carries out mooring import: files, standard output and running elements around package ios, which does the reading and
// the writing of text.
package importer
