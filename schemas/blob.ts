/**
 * Names of blobs, and the form in which a large payload stands in a record.
 *
 * A blob is named by its content: `blob://` and the SHA-256 in lower-case hex. It belongs to a tenant, who is not part of the name: whoever resolves one does so for a tenant.
 *
 * A payload (a run's input, a step's or run's output) beyond the inline limit lies in a blob, and in its place stands
 *
 *     {"$payload":"blob://<sha256>","bytes":<size>,"blobs":["blob://<sha256>", ...]}
 *
 * `blobs` are the references that its text contains, so that nobody need load it to learn what it keeps alive.
 */
import { hash } from 'node:crypto'
import type { JsonText } from './json.ts'

const REFERENCE = /^blob:\/\/([0-9a-f]{64})$/
const REFERENCES = /blob:\/\/([0-9a-f]{64})(?![0-9a-f])/g
const HASH = /^[0-9a-f]{64}$/
const STORED_PREFIX = '{"$payload":"blob://'
const HASH_LENGTH = 64

/** A payload with more references than this stays where it is: its mark would be as large as itself. */
export const MAX_REFERENCES_OF_PAYLOAD = 500

export function blobName(hash: string): string {
  return `blob://${hash}`
}

export function isBlobHash(text: string): boolean {
  return HASH.test(text)
}

/** The hash that a reference names; `null` if it is none. */
export function hashOfBlob(reference: string): string | null {
  return REFERENCE.exec(reference)?.[1] ?? null
}

/** Hashes of all blobs that a text names. */
export function blobsIn(text: string): ReadonlySet<string> {
  if (!text.includes('blob://')) return NONE
  return new Set(Array.from(text.matchAll(REFERENCES), (match) => match[1]!))
}

const NONE: ReadonlySet<string> = new Set()

/** What stands in the place of a payload; `null` if it has too many references. */
export function payloadMark(text: string): { readonly hash: string; readonly mark: JsonText } | null {
  const inside = blobsIn(text)
  if (inside.size > MAX_REFERENCES_OF_PAYLOAD) return null
  const digest = hash('sha256', text, 'hex')
  const mark = JSON.stringify({
    $payload: blobName(digest),
    bytes: Buffer.byteLength(text),
    ...(inside.size === 0 ? {} : { blobs: Array.from(inside, blobName) }),
  })
  return { hash: digest, mark: mark as JsonText }
}

export interface StoredPayloadMark {
  readonly hash: string
  /** Of the payload, as UTF-8. */
  readonly sizeBytes: number
}

/** Which blob holds the payload that this text stands for; `null` if it is the payload itself. Costs next to nothing for the latter. */
export function storedPayload(text: string): StoredPayloadMark | null {
  if (!text.startsWith(STORED_PREFIX)) return null
  const digest = text.slice(STORED_PREFIX.length, STORED_PREFIX.length + HASH_LENGTH)
  const size = /^","bytes":(\d{1,15})[,}]/.exec(
    text.slice(STORED_PREFIX.length + HASH_LENGTH, STORED_PREFIX.length + 200),
  )
  return isBlobHash(digest) && size !== null ? { hash: digest, sizeBytes: Number(size[1]) } : null
}
