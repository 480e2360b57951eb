/** Arrays in blobs: `{blob, type?, shape?}` in an input is read, arrays of an output are stored on demand. */
import type { Json } from '../../../../schemas/json.ts'
import {
  type ArrayElement,
  arrayBytes,
  arrayMediaType,
  arrayOfMediaType,
  isArrayElement,
} from '../../../../schemas/typed-array.ts'
import { type BlobPort, type BlockContext, BlockError } from '../../block.ts'
import type { Fields } from './kernels/kernel-def.ts'
import { ELEMENTS_MAX } from './limits.ts'
import { mismatch, tooLarge } from './tensor.ts'

type Context = Pick<BlockContext, 'blobs' | 'signal'>

/**
 * The fields with the blobs among them, and among `inputs`, read as `{type, shape, data}`. Type and shape are those of the blob's media type unless given.
 * @throws {BlockError} `BLOBS_UNAVAILABLE`, `SHAPE_MISMATCH`, `TOO_LARGE` and those of the port
 */
export async function withBlobs(context: Context, fields: Fields): Promise<Fields> {
  const read: { [field: string]: unknown } = { ...fields }
  for (const [name, value] of Object.entries(fields)) {
    const blob = blobOf(value)
    if (blob !== null) read[name] = await readArray(context, name, blob)
    else if (name === 'inputs' && isObject(value)) read[name] = await withBlobs(context, value)
  }
  return read
}

/** The output with its arrays stored: each is `{blob, size, type, hash}` then. */
export async function intoBlobs(
  context: Context,
  output: { readonly [field: string]: Json },
): Promise<{ [field: string]: Json }> {
  const stored: { [field: string]: Json } = {}
  for (const [name, value] of Object.entries(output))
    stored[name] = isArray(value) ? await storeArray(context, value) : value
  return stored
}

async function readArray(context: Context, name: string, source: Fields & { readonly blob: string }): Promise<Fields> {
  const info = arrayOfMediaType(typeof source.type === 'string' ? source.type : '')
  const type = info?.type ?? source.type ?? 'f32'
  const shape = source.shape ?? info?.shape
  if (typeof type !== 'string' || !isArrayElement(type))
    throw mismatch(`'${name}' is no blob of f32, i32 or u8; expected 'type' to be one of them`)
  if (!Array.isArray(shape))
    throw mismatch(`'${name}' is a blob without a shape; expected 'shape', or a blob that was stored with one`)
  const size = arrayBytes({ type, shape: shape as number[] })
  if (!(size <= ELEMENTS_MAX * 4)) throw tooLarge(`'${name}' has ${size} bytes; expected at most ${ELEMENTS_MAX * 4}`)
  const data = await bytesOf(context, name, source.blob, size)
  return { type, shape, data }
}

async function bytesOf(context: Context, name: string, reference: string, size: number): Promise<Buffer> {
  const parts: Uint8Array[] = []
  let length = 0
  for await (const part of await portOf(context).get(reference, context.signal)) {
    length += part.length
    if (length > size) break
    parts.push(part)
  }
  if (length !== size)
    throw mismatch(
      `the blob of '${name}' has ${length > size ? 'more than ' : ''}${Math.min(length, size)} bytes; expected ${size}`,
    )
  return Buffer.concat(parts)
}

async function storeArray(context: Context, { type, shape, data }: ArrayJson): Promise<Json> {
  const bytes = Buffer.from(data, 'base64')
  const about = { type: arrayMediaType({ type, shape }) }
  return { ...(await portOf(context).put(once(bytes), about, context.signal)) }
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes
}

function portOf({ blobs }: Context): BlobPort {
  if (blobs !== undefined) return blobs
  throw new BlockError('BLOBS_UNAVAILABLE', 'this executor has no place for blobs; expected arrays within the input', {
    class: 'permanent',
  })
}

interface ArrayJson {
  readonly type: ArrayElement
  readonly shape: readonly number[]
  readonly data: string
}

function isArray(value: Json): value is Json & ArrayJson {
  return isObject(value) && typeof value.data === 'string' && Array.isArray(value.shape)
}

/** `{blob, ...}`; an array whose `data` is a reference instead of bytes counts as that. */
function blobOf(value: unknown): (Fields & { readonly blob: string }) | null {
  if (!isObject(value)) return null
  const { blob, data, ...rest } = value
  if (typeof blob === 'string') return { ...value, blob }
  return typeof data === 'string' && data.startsWith('blob://') ? { ...rest, blob: data } : null
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
