/**
 * Blobs in a folder:
 *
 *     <folder>/<tenant>/<first two digits>/<hash>      a blob
 *     <folder>/<tenant>/<first two digits>/<hash>.gone the same while it is being removed
 *     <folder>/.incoming/<random>                      being written
 *     <folder>/.notes/<name>
 *
 * A blob's file is 4 bytes with the length of a header (big endian), the header `{"type": ...}` and the content; so it comes to be by one rename. Its time of change is when it was last
 * stored. Several processes may share the folder if the file system has POSIX renames.
 *
 * L1  A file with a blob's name is whole, and on the disk with its name before `put` resolves.
 * L2  Removing renames first and looks at the time then: whoever stores the content meanwhile has either changed the time, and the file is put back, or finds no file and writes one.
 */
import type { Dirent } from 'node:fs'
import { type FileHandle, link, mkdir, open, readdir, readFile, rename, rm, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
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
} from '../../topology/blobs/port.ts'
import type { Environment } from '../../topology/environment.ts'
import { readBlobFile, readHeader } from './blob-file.ts'
import { spool } from './spool.ts'

const INCOMING = '.incoming'
const NOTES = '.notes'
const GONE = '.gone'
const HEADER_MAX_BYTES = 4_096
/** What was left behind by a process that died. */
const STALE_MS = 24 * 3_600_000

export class LocalFolder implements BlobStore {
  readonly #folder: string
  readonly #environment: Environment

  private constructor(folder: string, environment: Environment) {
    this.#folder = folder
    this.#environment = environment
  }

  /** @throws {BlobStoreError} `BLOBS_UNAVAILABLE` */
  static async open(folder: string, environment: Environment): Promise<LocalFolder> {
    await available(folder, async () => {
      for (const name of [INCOMING, NOTES]) await mkdir(join(folder, name), { recursive: true, mode: 0o700 })
    })
    const store = new LocalFolder(folder, environment)
    await store.#removeStale()
    return store
  }

  async put(tenant: TenantId, bytes: AsyncIterable<Uint8Array>, options: PutOptions): Promise<StoredBlob> {
    const incoming = join(this.#folder, INCOMING, this.#random())
    try {
      const { hash, sizeBytes } = await spool(incoming, bytes, { ...options, header: headerOf(options.type) })
      const known = await this.#touched(tenant, hash)
      if (known !== null) return known
      const place = this.#placeOf(tenant, hash)
      await this.#stamp(incoming)
      await this.#makeFolders(tenant, place.folder)
      await rename(incoming, place.file)
      await syncFolder(place.folder)
      return { hash, sizeBytes, type: options.type }
    } catch (error) {
      throw unavailable(error)
    } finally {
      await rm(incoming, { force: true }).catch(() => undefined)
    }
  }

  async head(tenant: TenantId, hash: string): Promise<StoredBlob | null> {
    return available(hash, async () => {
      const handle = await this.#open(tenant, hash)
      if (handle === null) return null
      try {
        const { type, startsAt } = await readHeader(handle)
        return { hash, type, sizeBytes: (await handle.stat()).size - startsAt }
      } finally {
        await handle.close()
      }
    })
  }

  async read(
    tenant: TenantId,
    hash: string,
    range?: ByteRange,
    signal?: AbortSignal,
  ): Promise<AsyncIterable<Uint8Array>> {
    if ((await this.head(tenant, hash)) === null) throw blobNotFound(tenant, hash)
    // opened by the first read: whoever never reads leaves no open file behind
    const reopen = async (): Promise<FileHandle> => {
      const handle = await this.#open(tenant, hash)
      if (handle === null) throw blobNotFound(tenant, hash)
      return handle
    }
    return readBlobFile(reopen, range, signal)
  }

  async *list(): AsyncIterable<ListedBlob> {
    for (const { name: tenant } of await folders(this.#folder)) {
      if (!isTenantId(tenant)) continue
      for (const { name } of await folders(join(this.#folder, tenant))) {
        for (const file of await readdir(join(this.#folder, tenant, name))) {
          if (!isBlobHash(file)) continue
          const storedAtMs = await mtimeOf(join(this.#folder, tenant, name, file))
          if (storedAtMs !== null) yield { tenant, hash: file, storedAtMs }
        }
      }
    }
  }

  async removeUnlessStoredSince(tenant: TenantId, hash: string, before: EpochMs): Promise<boolean> {
    const { file, folder } = this.#placeOf(tenant, hash)
    const gone = file + GONE
    return available(hash, async () => {
      const storedAtMs = await mtimeOf(file)
      if (storedAtMs === null) return true
      if (storedAtMs >= before) return false
      await rename(file, gone)
      const since = await mtimeOf(gone)
      if (since !== null && since >= before) {
        await restore(gone, file)
        await syncFolder(folder)
        return false
      }
      await rm(gone, { force: true })
      return true
    })
  }

  async putNote(name: string, text: string): Promise<void> {
    const incoming = join(this.#folder, INCOMING, this.#random())
    await available(name, async () => {
      const handle = await open(incoming, 'wx', 0o600)
      try {
        await handle.writeFile(text)
        await handle.sync()
      } finally {
        await handle.close()
      }
      await rename(incoming, join(this.#folder, NOTES, name))
      await syncFolder(join(this.#folder, NOTES))
    })
  }

  async *notes(): AsyncIterable<{ readonly name: string; readonly text: string }> {
    for (const name of await readdir(join(this.#folder, NOTES))) {
      yield { name, text: await readFile(join(this.#folder, NOTES, name), 'utf8') }
    }
  }

  async close(): Promise<void> {}

  #placeOf(tenant: TenantId, hash: string): { readonly folder: string; readonly file: string } {
    if (!isTenantId(tenant) || !isBlobHash(hash)) throw blobNotFound(tenant, hash)
    const folder = join(this.#folder, tenant, hash.slice(0, 2))
    return { folder, file: join(folder, hash) }
  }

  /** Counts as stored anew from now on; `null` if there is no such blob. */
  async #touched(tenant: TenantId, hash: string): Promise<StoredBlob | null> {
    const { file } = this.#placeOf(tenant, hash)
    try {
      await this.#stamp(file)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
      throw error
    }
    // it may have been renamed for its removal just before
    return (await mtimeOf(file)) === null ? null : this.head(tenant, hash)
  }

  /** Durably: a crash must not make it look older than what names it. */
  async #stamp(file: string): Promise<void> {
    const now = this.#environment.now() / 1000
    const handle = await open(file, 'r+')
    try {
      await handle.utimes(now, now)
      await handle.sync()
    } finally {
      await handle.close()
    }
  }

  async #open(tenant: TenantId, hash: string): Promise<FileHandle | null> {
    const { file } = this.#placeOf(tenant, hash)
    // the second name, and the first again, for one that is being removed or put back
    for (const path of [file, file + GONE, file]) {
      try {
        return await open(path, 'r')
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      }
    }
    return null
  }

  async #makeFolders(tenant: TenantId, folder: string): Promise<void> {
    if ((await mkdir(folder, { recursive: true, mode: 0o700 })) === undefined) return
    await syncFolder(join(this.#folder, tenant))
    await syncFolder(this.#folder)
  }

  /** What a process that died has left: half-written files, and blobs whose removal it had begun. */
  async #removeStale(): Promise<void> {
    const incoming = join(this.#folder, INCOMING)
    for (const name of await readdir(incoming)) {
      const sinceMs = await mtimeOf(join(incoming, name))
      if (sinceMs !== null && sinceMs < this.#environment.now() - STALE_MS)
        await rm(join(incoming, name), { force: true })
    }
    for (const tenant of await folders(this.#folder)) {
      for (const { name } of await folders(join(this.#folder, tenant.name))) {
        const folder = join(this.#folder, tenant.name, name)
        for (const file of await readdir(folder)) {
          // to be looked at again by whoever collects next
          if (file.endsWith(GONE)) await restore(join(folder, file), join(folder, file.slice(0, -GONE.length)))
        }
      }
    }
  }

  #random(): string {
    return [0, 1, 2, 3].map(() => this.#environment.randomU32().toString(16).padStart(8, '0')).join('')
  }
}

/** Gives the file its name back; what has that name meanwhile has the same content. */
async function restore(gone: string, file: string): Promise<void> {
  try {
    await link(gone, file)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'EEXIST' && code !== 'ENOENT') throw error
  }
  await unlink(gone).catch(() => undefined)
}

function headerOf(type: string | null): Buffer {
  const json = Buffer.from(JSON.stringify({ type: type?.slice(0, 1_024) ?? null }))
  if (json.length > HEADER_MAX_BYTES) throw new RangeError(`a media type of ${json.length} bytes`)
  const header = Buffer.alloc(4 + json.length)
  header.writeUInt32BE(json.length)
  json.copy(header, 4)
  return header
}

async function folders(folder: string): Promise<Dirent[]> {
  const entries = await readdir(folder, { withFileTypes: true })
  return entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
}

async function mtimeOf(file: string): Promise<EpochMs | null> {
  try {
    return (await stat(file)).mtimeMs
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function available<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw unavailable(error, what)
  }
}

/** What the file system says, as the port's error; other errors as they are. */
function unavailable(error: unknown, what = 'the blob'): unknown {
  const { code, syscall } = error as NodeJS.ErrnoException
  if (error instanceof BlobStoreError || typeof code !== 'string' || syscall === undefined) return error
  return new BlobStoreError('BLOBS_UNAVAILABLE', `the folder of blobs fails for ${what}: ${code}`, { cause: error })
}
