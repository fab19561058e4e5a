// Package datastore keeps the configuration: running and the candidates, locks, commits, what is on disk, and the history.
//
// A commit goes through these steps, and what fails before the fifth leaves running as it was:
//
//  1. the candidate is put on top of what running is by now; conflicting changes are refused
//  2. the result is validated, as far as the change can alter the verdict
//  3. the Pipeline translates it and prepares every consumer: the last who may refuse
//  4. the change is written and synced: from here on it survives a crash
//  5. the running pointer is swapped
//  6. the consumers apply what they prepared
//  7. followers are woken, and told what changed
//
// What a commit changes is known from the edits that made the candidate (tree.Changes), never by comparing it with running. Each
// snapshot keeps what its commit changed, so that the way to another one, and back, is known too.
//
// Readers take the running snapshot from an atomic pointer and are never in the way of anything; writers take turns.
package datastore
