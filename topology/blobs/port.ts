/** The port for what is too large for records. Adapters are in `connectors/blobs/`; `test/conformance/blobs.ts` says what each of them must do. */
import type { EpochMs, TenantId } from '../../schemas/ids.ts'
import type { JsonText } from '../../schemas/json.ts'

export interface StoredBlob {
  /** SHA-256 of the content, lower-case hex; with the tenant its address. */
  readonly hash: string
  readonly sizeBytes: number
  /** Media type it was first stored with; `null` if unknown. */
  readonly type: string | null
}

export interface PutOptions {
  readonly type: string | null
  /** A longer content is refused, and nothing of it is kept. */
  readonly maxBytes: number
  readonly signal?: AbortSignal
}

/** Bytes from `from` up to, not including, `to`. */
export interface ByteRange {
  readonly from: number
  readonly to: number
}

export interface ListedBlob {
  readonly tenant: TenantId
  readonly hash: string
  /** When it was last stored. Storing a content again counts; adapters may be up to {@link TOUCH_SLACK_MS} behind. */
  readonly storedAtMs: EpochMs
}

/** Storing again what was stored so recently need not be noted. */
export const TOUCH_SLACK_MS = 3_600_000

export interface BlobStore {
  /**
   * Durable and readable, whole, when it resolves. The same content again is the same blob, and is kept as if it were new.
   * @throws {BlobStoreError} `BLOB_TOO_LARGE`, `BLOBS_UNAVAILABLE`; the signal's reason; what reading the bytes throws
   */
  put(tenant: TenantId, bytes: AsyncIterable<Uint8Array>, options: PutOptions): Promise<StoredBlob>
  /** `null` if the tenant has no such blob. @throws {BlobStoreError} `BLOBS_UNAVAILABLE` */
  head(tenant: TenantId, hash: string): Promise<StoredBlob | null>
  /** The content, or a range within it. @throws {BlobStoreError} `BLOB_NOT_FOUND`, `BLOBS_UNAVAILABLE`; reading may throw the latter too */
  read(tenant: TenantId, hash: string, range?: ByteRange, signal?: AbortSignal): Promise<AsyncIterable<Uint8Array>>
  /** All blobs of all tenants, in any order. */
  list(): AsyncIterable<ListedBlob>
  /** Removes the blob unless it was stored again at or after `before`. False if it is still there. */
  removeUnlessStoredSince(tenant: TenantId, hash: string, before: EpochMs): Promise<boolean>
  /** A small text under a name beside the blobs, replaced as a whole. Names are `[a-z0-9-]+`. */
  putNote(name: string, text: string): Promise<void>
  notes(): AsyncIterable<{ readonly name: string; readonly text: string }>
  close(): Promise<void>
}

/** Reads payloads that lie beside the log (`schemas/blob.ts`). */
export interface PayloadReader {
  /** The payload itself for what stands in its place, and any other text as it is. @throws {BlobStoreError} */
  restored(tenant: TenantId, text: JsonText, signal?: AbortSignal): Promise<JsonText>
}

/** `BLOBS_UNAVAILABLE`: the place cannot be reached or is full; the same may succeed later. */
export type BlobStoreErrorCode = 'BLOB_NOT_FOUND' | 'BLOB_TOO_LARGE' | 'BLOBS_UNAVAILABLE'

export class BlobStoreError extends Error {
  readonly code: BlobStoreErrorCode
  constructor(code: BlobStoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'BlobStoreError'
    this.code = code
  }
}

export function blobNotFound(tenant: TenantId, hash: string): BlobStoreError {
  return new BlobStoreError('BLOB_NOT_FOUND', `tenant '${tenant}' has no blob ${hash}`)
}

export function blobTooLarge(maxBytes: number): BlobStoreError {
  return new BlobStoreError('BLOB_TOO_LARGE', `the blob has more than ${maxBytes} bytes; expected at most so many`)
}
