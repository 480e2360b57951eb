/** A body of a request that is a blob. It is held in memory while it is sent: a redirect may ask for it once more. */
import type { Json } from '../../../../schemas/json.ts'
import { type BlockContext, BlockError } from '../../block.ts'
import type { HttpBody } from './http-body.ts'

export const BLOB_BODY_MAX = 64 * 2 ** 20

export const BLOB_SCHEMA = {
  type: ['string', 'object'],
  description:
    'A body that is a blob of at most 64 MiB, instead of `body`: its reference, or `{blob, type}` as steps give it.',
}

/** @throws {BlockError} `BLOBS_UNAVAILABLE`, `REQUEST_BUILD_ERROR` for what is no blob or too large, and those of the port */
export async function bodyOfBlob(
  { blobs }: Pick<BlockContext, 'blobs'>,
  given: Json,
  signal: AbortSignal,
): Promise<HttpBody> {
  const { blob, type } = typeof given === 'string' ? { blob: given, type: null } : (given as { [name: string]: Json })
  if (typeof blob !== 'string') throw new BlockError('REQUEST_BUILD_ERROR', "'blob' has no reference; expected {blob}")
  if (blobs === undefined) {
    throw new BlockError('BLOBS_UNAVAILABLE', 'this executor has no place for blobs', { class: 'permanent' })
  }
  const parts: Uint8Array[] = []
  let size = 0
  for await (const part of await blobs.get(blob, signal)) {
    size += part.length
    if (size > BLOB_BODY_MAX) {
      throw new BlockError('REQUEST_BUILD_ERROR', `the blob has more than ${BLOB_BODY_MAX} bytes, the limit of a body`)
    }
    parts.push(part)
  }
  return { content: Buffer.concat(parts, size), type: typeof type === 'string' ? type : 'application/octet-stream' }
}
