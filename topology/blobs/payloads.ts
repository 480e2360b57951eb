/** Large payloads beside the log: what stands in their place is described in `schemas/blob.ts`. */
import { hash as hashOf } from 'node:crypto'
import { blobName, payloadMark, storedPayload } from '../../schemas/blob.ts'
import type { TenantId } from '../../schemas/ids.ts'
import type { JsonText } from '../../schemas/json.ts'
import { type BlobStore, BlobStoreError, blobTooLarge, type PayloadReader } from './port.ts'

export interface PayloadOptions {
  /** Payloads of more UTF-8 bytes are stored beside the log. Default 64 KiB. */
  readonly inlineBytes?: number
  /** Largest payload that is read back. Default 4 MiB. */
  readonly maxBytes?: number
  /** Of the payloads used last, kept at hand. Default 32 MiB. */
  readonly cacheBytes?: number
}

export const INLINE_BYTES = 64 << 10
export const MAX_PAYLOAD_BYTES = 4 << 20
const CACHE_BYTES = 32 << 20
const PAYLOAD_TYPE = 'application/json'
/** UTF-16. */
const BYTES_PER_CHAR = 2

export class Payloads implements PayloadReader {
  readonly store: BlobStore
  readonly inlineBytes: number
  readonly maxBytes: number
  readonly #cacheBytes: number
  /** The one used last is the last. */
  readonly #cache = new Map<string, JsonText>()
  #cached = 0

  constructor(store: BlobStore, options: PayloadOptions = {}) {
    this.store = store
    this.inlineBytes = options.inlineBytes ?? INLINE_BYTES
    this.maxBytes = options.maxBytes ?? MAX_PAYLOAD_BYTES
    this.#cacheBytes = options.cacheBytes ?? CACHE_BYTES
  }

  /** What stands for a payload, and the work of storing it that must be done first; `null`: it stays as it is. */
  mark(tenant: TenantId, text: JsonText): { readonly mark: JsonText; readonly store: () => Promise<void> } | null {
    // a UTF-16 unit takes at most 3 bytes in UTF-8
    if (text.length * 3 <= this.inlineBytes || storedPayload(text) !== null) return null
    if (Buffer.byteLength(text) <= this.inlineBytes) return null
    const marked = payloadMark(text)
    if (marked === null) return null
    this.#keep(keyOf(tenant, marked.hash), text)
    return { mark: marked.mark, store: () => this.#store(tenant, text) }
  }

  /** The payload, or, once it is stored, what stands for it. @throws {BlobStoreError} `BLOBS_UNAVAILABLE` */
  async stored(tenant: TenantId, text: JsonText): Promise<JsonText> {
    const marked = this.mark(tenant, text)
    if (marked === null) return text
    await marked.store()
    return marked.mark
  }

  /** The payload of a hash, if it is at hand. */
  peek(tenant: TenantId, hash: string): JsonText | undefined {
    const key = keyOf(tenant, hash)
    const text = this.#cache.get(key)
    if (text !== undefined) {
      this.#cache.delete(key)
      this.#cache.set(key, text)
    }
    return text
  }

  /** @throws {BlobStoreError} `BLOB_NOT_FOUND`; `BLOB_TOO_LARGE` for what can be no payload; `BLOBS_UNAVAILABLE` */
  async load(tenant: TenantId, hash: string, signal?: AbortSignal): Promise<JsonText> {
    const known = this.peek(tenant, hash)
    if (known !== undefined) return known
    const chunks: Uint8Array[] = []
    let sizeBytes = 0
    for await (const chunk of await this.store.read(tenant, hash, undefined, signal)) {
      sizeBytes += chunk.length
      if (sizeBytes > this.maxBytes) throw blobTooLarge(this.maxBytes)
      chunks.push(chunk)
    }
    const bytes = Buffer.concat(chunks)
    if (hashOf('sha256', bytes, 'hex') !== hash) {
      throw new BlobStoreError('BLOB_NOT_FOUND', `the blob ${blobName(hash)} is damaged: its content has another hash`)
    }
    const text = bytes.toString('utf8') as JsonText
    this.#keep(keyOf(tenant, hash), text)
    return text
  }

  /** The payload itself for what stands in its place, and any other text as it is. @throws as {@link load} */
  async restored(tenant: TenantId, text: JsonText, signal?: AbortSignal): Promise<JsonText> {
    const mark = storedPayload(text)
    return mark === null ? text : this.load(tenant, mark.hash, signal)
  }

  async #store(tenant: TenantId, text: JsonText): Promise<void> {
    const bytes = Buffer.from(text)
    const options = { type: PAYLOAD_TYPE, maxBytes: bytes.length }
    await this.store.put(tenant, once(bytes), options)
  }

  #keep(key: string, text: JsonText): void {
    const sizeBytes = text.length * BYTES_PER_CHAR
    if (sizeBytes > this.#cacheBytes || this.#cache.has(key)) return
    this.#cache.set(key, text)
    this.#cached += sizeBytes
    for (const [oldest, kept] of this.#cache) {
      if (this.#cached <= this.#cacheBytes) return
      this.#cache.delete(oldest)
      this.#cached -= kept.length * BYTES_PER_CHAR
    }
  }
}

function keyOf(tenant: TenantId, hash: string): string {
  return `${tenant}/${hash}`
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes
}
