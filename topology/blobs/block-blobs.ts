/** Blobs as the steps of one tenant have them. */
import { type BlobPort, BlockError } from '../../processors/execute/block.ts'
import { blobName, hashOfBlob } from '../../schemas/blob.ts'
import type { TenantId } from '../../schemas/ids.ts'
import { type BlobStore, BlobStoreError } from './port.ts'

export const MAX_BLOB_BYTES = 2 ** 30

export function blobsOfTenant(store: BlobStore, tenant: TenantId, maxBytes = MAX_BLOB_BYTES): BlobPort {
  return {
    async put(bytes, { type }, signal) {
      const { hash, sizeBytes } = await asBlockErrors(signal, () =>
        store.put(tenant, bytes, { type, maxBytes, signal }),
      )
      return { blob: blobName(hash), size: sizeBytes, type, hash }
    },
    async get(reference, signal) {
      const hash = hashOfBlob(reference)
      if (hash === null) {
        const found = JSON.stringify(reference.slice(0, 100))
        throw new BlockError('BLOB_NOT_FOUND', `${found} is no blob; expected blob:// and 64 hexadecimal digits`)
      }
      const bytes = await asBlockErrors(signal, () => store.read(tenant, hash, undefined, signal))
      return readAsBlock(bytes, signal)
    },
  }
}

async function* readAsBlock(bytes: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncIterable<Uint8Array> {
  try {
    yield* bytes
  } catch (error) {
    throw blockErrorOf(error, signal)
  }
}

async function asBlockErrors<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw blockErrorOf(error, signal)
  }
}

/** As an attempt's failure; errors of others as they are. */
export function blockErrorOf(error: unknown, signal?: AbortSignal): unknown {
  if (signal?.aborted === true) return signal.reason
  return error instanceof BlobStoreError ? new BlockError(error.code, error.message, { cause: error }) : error
}
