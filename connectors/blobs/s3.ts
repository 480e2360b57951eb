/**
 * Blobs in a bucket that speaks S3:
 *
 *     <prefix>blobs/<tenant>/<hash>     a blob; its content type is that of the object
 *     <prefix>removing/<tenant>/<hash>  the blob is being removed
 *     <prefix>notes/<name>
 *
 * A server that does not answer is given up after some time, so whoever waits for a blob has `BLOBS_UNAVAILABLE` within a few times that.
 *
 * S1  An object comes to be whole and readable by one request (S3 is consistent), so `put` resolves after it.
 * S2  Whoever removes writes the mark `removing/` first and then looks when the blob was stored; whoever stores looks for the mark afterwards. So either the remover sees the new blob, or the
 *     writer sees the mark, waits until it is gone and stores the content again. A mark of a remover that died is ignored once it is old: removers give up well before.
 */
import { createReadStream } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { Client } from 'minio'
import { isBlobHash } from '../../schemas/blob.ts'
import { type EpochMs, isTenantId, type TenantId } from '../../schemas/ids.ts'
import {
  type BlobStore,
  BlobStoreError,
  type ByteRange,
  blobNotFound,
  type ListedBlob,
  type PutOptions,
  type StoredBlob,
  TOUCH_SLACK_MS,
} from '../../topology/blobs/port.ts'
import type { Environment } from '../../topology/environment.ts'
import { impatientTransport } from './impatient-transport.ts'
import { spool } from './spool.ts'

export interface S3Options {
  /** E.g. `https://s3.eu-central-1.amazonaws.com`. */
  readonly endpoint: string
  readonly bucket: string
  /** Default `us-east-1`, which servers other than Amazon's take. */
  readonly region?: string
  readonly accessKey: string
  readonly secretKey: string
  /** Begins the names of all objects. Default: nothing. */
  readonly prefix?: string
  /** `https://host/bucket/...` instead of `https://bucket.host/...`. Default true. */
  readonly pathStyle?: boolean
  /** Where contents lie until their address is known. */
  readonly spoolFolder: string
  /** A server that says and takes nothing for so long is given up, milliseconds. Default 30,000. */
  readonly silentMs?: number
}

const UNKNOWN_TYPE = 'application/octet-stream'
const REMOVAL_MS = 60_000
const STALE_MARK_MS = 600_000
const MARK_POLL_MS = 200
const SILENT_MS = 30_000
/** A request whose connection broke, or that the server could not answer, is repeated so often. */
const TRIES = 4
const FIRST_RETRY_MS = 100
const PART_BYTES = 16 << 20
const RETRIABLE =
  /^(ECONN|ETIMEDOUT|EPIPE|EAI_AGAIN|SlowDown|InternalError|ServiceUnavailable|RequestTimeout|503|500|Request failed after 0 retries)/

interface ObjectStat {
  readonly size: number
  readonly lastModified: Date
  readonly metaData: { readonly [name: string]: unknown }
}

export class S3Bucket implements BlobStore {
  readonly #client: Client
  readonly #options: S3Options
  readonly #prefix: string
  readonly #environment: Environment

  private constructor(options: S3Options, environment: Environment) {
    const { protocol, hostname, port } = new URL(options.endpoint)
    this.#options = options
    this.#environment = environment
    this.#prefix = options.prefix ?? ''
    this.#client = new Client({
      endPoint: hostname,
      useSSL: protocol === 'https:',
      ...(port === '' ? {} : { port: Number(port) }),
      region: options.region ?? 'us-east-1',
      accessKey: options.accessKey,
      secretKey: options.secretKey,
      pathStyle: options.pathStyle ?? true,
      partSize: PART_BYTES,
      transport: impatientTransport(protocol === 'https:', options.silentMs ?? SILENT_MS),
      // it would send a content that it has read already
      retryOptions: { disableRetry: true },
    })
  }

  /** @throws {BlobStoreError} `BLOBS_UNAVAILABLE`: no such bucket, wrong credentials, no answer */
  static async open(options: S3Options, environment: Environment): Promise<S3Bucket> {
    const store = new S3Bucket(options, environment)
    await rm(options.spoolFolder, { recursive: true, force: true })
    await mkdir(options.spoolFolder, { recursive: true, mode: 0o700 })
    const found = await store.#ask('the bucket', () => store.#client.bucketExists(options.bucket))
    if (!found)
      throw new BlobStoreError('BLOBS_UNAVAILABLE', `there is no bucket '${options.bucket}' at ${options.endpoint}`)
    return store
  }

  async put(tenant: TenantId, bytes: AsyncIterable<Uint8Array>, options: PutOptions): Promise<StoredBlob> {
    const incoming = join(this.#options.spoolFolder, this.#random())
    try {
      const { hash, sizeBytes } = await spool(incoming, bytes, options)
      const name = this.#blob(tenant, hash)
      const known = await this.#stat(name)
      if (known !== null && this.#ageMs(known) < TOUCH_SLACK_MS) return blobOf(hash, known)
      const type = known === null ? options.type : typeOf(known)
      const store = () => this.#upload(name, incoming, sizeBytes, type)
      await store()
      while (await this.#isBeingRemoved(tenant, hash)) {
        options.signal?.throwIfAborted()
        await this.#pause(MARK_POLL_MS)
        await store()
      }
      return { hash, sizeBytes, type }
    } finally {
      await rm(incoming, { force: true }).catch(() => undefined)
    }
  }

  async head(tenant: TenantId, hash: string): Promise<StoredBlob | null> {
    const known = await this.#stat(this.#blob(tenant, hash))
    return known === null ? null : blobOf(hash, known)
  }

  async read(
    tenant: TenantId,
    hash: string,
    range?: ByteRange,
    signal?: AbortSignal,
  ): Promise<AsyncIterable<Uint8Array>> {
    const name = this.#blob(tenant, hash)
    const { bucket } = this.#options
    const stream = await this.#ask(name, async (): Promise<Readable> => {
      try {
        if (range === undefined) return await this.#client.getObject(bucket, name)
        return await this.#client.getPartialObject(bucket, name, range.from, range.to - range.from)
      } catch (error) {
        throw isMissing(error) ? blobNotFound(tenant, hash) : error
      }
    })
    signal?.addEventListener('abort', () => stream.destroy(signal.reason as Error), { once: true })
    return chunksOf(stream, name, range === undefined ? Number.POSITIVE_INFINITY : range.to - range.from)
  }

  async *list(): AsyncIterable<ListedBlob> {
    const folder = `${this.#prefix}blobs/`
    for await (const { name, lastModified } of this.#objects(folder)) {
      const [tenant = '', hash = ''] = name.slice(folder.length).split('/')
      if (isTenantId(tenant) && isBlobHash(hash)) yield { tenant, hash, storedAtMs: lastModified.getTime() }
    }
  }

  async removeUnlessStoredSince(tenant: TenantId, hash: string, before: EpochMs): Promise<boolean> {
    const { bucket } = this.#options
    const mark = this.#mark(tenant, hash)
    const name = this.#blob(tenant, hash)
    const startedAt = this.#environment.monotonic()
    await this.#ask(mark, () => this.#client.putObject(bucket, mark, Buffer.alloc(0), 0))
    try {
      const known = await this.#stat(name)
      if (known === null) return true
      const mayRemove = known.lastModified.getTime() < before && this.#environment.monotonic() - startedAt < REMOVAL_MS
      if (mayRemove) await this.#client.removeObject(bucket, name)
      return mayRemove
    } finally {
      await this.#ask(mark, () => this.#client.removeObject(bucket, mark)).catch(() => undefined)
    }
  }

  async putNote(name: string, text: string): Promise<void> {
    const { bucket } = this.#options
    await this.#ask(name, () => this.#client.putObject(bucket, `${this.#prefix}notes/${name}`, text))
  }

  async *notes(): AsyncIterable<{ readonly name: string; readonly text: string }> {
    const folder = `${this.#prefix}notes/`
    for await (const { name } of this.#objects(folder)) {
      const chunks: Uint8Array[] = []
      const stream = await this.#ask(name, () => this.#client.getObject(this.#options.bucket, name))
      for await (const chunk of chunksOf(stream, name)) chunks.push(chunk)
      yield { name: name.slice(folder.length), text: Buffer.concat(chunks).toString('utf8') }
    }
  }

  async close(): Promise<void> {}

  async *#objects(folder: string): AsyncIterable<{ readonly name: string; readonly lastModified: Date }> {
    try {
      for await (const item of this.#client.listObjectsV2(this.#options.bucket, folder, true)) {
        yield item as { readonly name: string; readonly lastModified: Date }
      }
    } catch (error) {
      throw unavailable(error, folder)
    }
  }

  async #upload(name: string, file: string, sizeBytes: number, type: string | null): Promise<void> {
    const headers = { 'Content-Type': type ?? UNKNOWN_TYPE }
    const { bucket } = this.#options
    await this.#ask(name, () => this.#client.putObject(bucket, name, createReadStream(file), sizeBytes, headers))
  }

  async #isBeingRemoved(tenant: TenantId, hash: string): Promise<boolean> {
    const mark = await this.#stat(this.#mark(tenant, hash))
    return mark !== null && this.#ageMs(mark) < STALE_MARK_MS
  }

  #ageMs(known: ObjectStat): number {
    return this.#environment.now() - known.lastModified.getTime()
  }

  async #stat(name: string): Promise<ObjectStat | null> {
    return this.#ask(name, async () => {
      try {
        return (await this.#client.statObject(this.#options.bucket, name)) as ObjectStat
      } catch (error) {
        if (isMissing(error)) return null
        throw error
      }
    })
  }

  async #ask<T>(what: string, request: () => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries++) {
      try {
        return await request()
      } catch (error) {
        if (error instanceof BlobStoreError) throw error
        if (tries === TRIES || !RETRIABLE.test(whatOf(error))) throw unavailable(error, what)
        await this.#pause(FIRST_RETRY_MS * 2 ** tries)
      }
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.#environment.after(ms, resolve))
  }

  #blob(tenant: TenantId, hash: string): string {
    if (!isTenantId(tenant) || !isBlobHash(hash)) throw blobNotFound(tenant, hash)
    return `${this.#prefix}blobs/${tenant}/${hash}`
  }

  #mark(tenant: TenantId, hash: string): string {
    return `${this.#prefix}removing/${tenant}/${hash}`
  }

  #random(): string {
    return [0, 1, 2, 3].map(() => this.#environment.randomU32().toString(16).padStart(8, '0')).join('')
  }
}

/** At most `limit` bytes: some servers take a range of one byte for the whole. */
async function* chunksOf(stream: Readable, what: string, limit = Number.POSITIVE_INFINITY): AsyncIterable<Uint8Array> {
  let left = limit
  try {
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      if (left <= 0) return
      yield chunk.length <= left ? chunk : chunk.subarray(0, left)
      left -= chunk.length
    }
  } catch (error) {
    throw unavailable(error, what)
  } finally {
    stream.destroy()
  }
}

function blobOf(hash: string, known: ObjectStat): StoredBlob {
  return { hash, sizeBytes: known.size, type: typeOf(known) }
}

function typeOf({ metaData }: ObjectStat): string | null {
  const type = metaData['content-type']
  return typeof type === 'string' && type !== UNKNOWN_TYPE ? type : null
}

/** The code, or where the client gives none what it says. */
function whatOf(error: unknown): string {
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown }
  return String(code ?? message)
}

function isMissing(error: unknown): boolean {
  const { code } = error as { readonly code?: unknown }
  return code === 'NotFound' || code === 'NoSuchKey'
}

function unavailable(error: unknown, what: string): unknown {
  const { code, message, name } = error as {
    readonly code?: unknown
    readonly message?: string
    readonly name?: string
  }
  if (error instanceof BlobStoreError || name === 'AbortError') return error
  const text = `the bucket of blobs fails for ${what}: ${typeof code === 'string' ? code : ''} ${message ?? ''}`.trim()
  return new BlobStoreError('BLOBS_UNAVAILABLE', text, { cause: error })
}
