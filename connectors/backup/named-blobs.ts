/** The blobs that a log names, found in the bytes of its records and rows: whatever they are, a name is written in them as it is. */
import { DatabaseSync } from 'node:sqlite'
import { isBlobHash } from '../../schemas/blob.ts'

const SCHEME = 'blob://'
const HASH_LENGTH = 64

/** Adds the hash of each blob that is named in the bytes. */
export function addNamedBlobs(bytes: Uint8Array, into: Set<string>): void {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let at = text.indexOf(SCHEME); at >= 0; at = text.indexOf(SCHEME, at + SCHEME.length)) {
    const hash = text.toString('latin1', at + SCHEME.length, at + SCHEME.length + HASH_LENGTH)
    if (isBlobHash(hash)) into.add(hash)
  }
}

/** Those of the tasks' rows: the records that said so first may be gone. */
export function addNamedInState(databaseFile: string, into: Set<string>): void {
  const database = new DatabaseSync(databaseFile, { readOnly: true })
  try {
    for (const { value } of database.prepare('SELECT value FROM state').iterate())
      addNamedBlobs(value as Uint8Array, into)
  } finally {
    database.close()
  }
}
