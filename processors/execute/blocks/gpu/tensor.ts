/** Arrays of numbers as steps write them: checked on the way in, encoded on the way out. */
import type { Json } from '../../../../schemas/json.ts'
import { BlockError } from '../../block.ts'
import { objectText } from '../../object-text.ts'
import { ELEMENTS_MAX } from './limits.ts'

export type ElementType = 'f32' | 'i32' | 'u8'

export interface Tensor {
  readonly shape: readonly number[]
  readonly values: Float32Array
  readonly type: ElementType
}

/** How results are written: as lists of numbers, or as base64 of little-endian bytes. */
export type Encoding = 'array' | 'base64'

const BYTES: { readonly [type in ElementType]: number } = { f32: 4, i32: 4, u8: 1 }
const RANK_MAX = 4

/**
 * A list of numbers, lists of lists of one length, or `{shape, type, data}`, whose data is a flat list or base64 of little-endian bytes.
 * @throws {BlockError} `SHAPE_MISMATCH`, `NOT_FINITE`, `TOO_LARGE`
 */
export function tensorOf(name: string, source: unknown): Tensor {
  if (Array.isArray(source)) return nested(name, source)
  if (typeof source === 'object' && source !== null) return described(name, source as Readonly<Record<string, unknown>>)
  throw mismatch(`'${name}' is ${nameOf(source)}; expected a list of numbers, or {shape, data}`)
}

/** A tensor of so many dimensions. @throws {BlockError} as {@link tensorOf} */
export function tensorOfRank(name: string, source: unknown, ranks: readonly number[]): Tensor {
  const tensor = tensorOf(name, source)
  if (ranks.includes(tensor.shape.length)) return tensor
  throw mismatch(`'${name}' has the shape ${shapeText(tensor.shape)}; expected ${ranks.join(' or ')} dimensions`)
}

/** A finite number that 32 bits can hold. @throws {BlockError} `NOT_FINITE` */
export function scalarOf(name: string, source: number): number {
  const value = Math.fround(source)
  if (Number.isFinite(value)) return value
  throw notFinite(name, source)
}

export function shapeText(shape: readonly number[]): string {
  return `[${shape.join(', ')}]`
}

export function mismatch(message: string): BlockError {
  return new BlockError('SHAPE_MISMATCH', message)
}

export function tooLarge(message: string): BlockError {
  return new BlockError('TOO_LARGE', message)
}

/** @throws {BlockError} `NOT_FINITE` for a result that is no number, which JSON cannot say */
export function encodeTensor(
  values: Float32Array,
  shape: readonly number[],
  encoding: Encoding,
  type: ElementType = 'f32',
): Json {
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i])) throw notFinite('the result', values[i]!, i)
  }
  const rounded = type === 'f32' ? values : roundTo(values, type)
  if (encoding === 'array') return { type, shape: [...shape], data: listOf(rounded) }
  return { type, shape: [...shape], data: bytesOf(rounded).toString('base64') }
}

/** Many times faster than `Array.from`. */
function listOf(values: Float32Array | Int32Array | Uint8ClampedArray): number[] {
  const list = new Array<number>(values.length)
  for (let i = 0; i < values.length; i++) list[i] = values[i]!
  return list
}

function roundTo(values: Float32Array, type: 'i32' | 'u8'): Int32Array | Uint8ClampedArray {
  if (type === 'u8') return Uint8ClampedArray.from(values)
  return Int32Array.from(values, Math.round)
}

function bytesOf(values: Float32Array | Int32Array | Uint8ClampedArray): Buffer {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength)
}

function nested(name: string, source: readonly unknown[]): Tensor {
  const shape = shapeOf(name, source)
  const values = new Float32Array(lengthOf(name, shape))
  const end = fill(name, source, shape, 0, values, 0)
  if (end !== values.length) throw mismatch(`'${name}' has ${end} numbers; expected ${values.length}`)
  return { shape, values, type: 'f32' }
}

/** As far as its first elements tell; the others are compared with it. */
function shapeOf(name: string, source: readonly unknown[]): number[] {
  const shape: number[] = []
  for (let level: unknown = source; Array.isArray(level); level = level[0]) {
    if (shape.length === RANK_MAX) throw mismatch(`'${name}' has more than ${RANK_MAX} dimensions`)
    shape.push(level.length)
  }
  return shape
}

function fill(
  name: string,
  source: readonly unknown[],
  shape: readonly number[],
  level: number,
  values: Float32Array,
  at: number,
): number {
  if (source.length !== shape[level]) {
    throw mismatch(`a list in '${name}' has ${source.length} elements; expected ${shape[level]}, as its first one has`)
  }
  if (level === shape.length - 1) {
    fillFlat(name, source, values, at)
    return at + source.length
  }
  let end = at
  for (const part of source) {
    if (!Array.isArray(part)) throw mismatch(`'${name}' has ${nameOf(part)} among lists; expected lists of one length`)
    end = fill(name, part, shape, level + 1, values, end)
  }
  return end
}

function fillFlat(name: string, source: readonly unknown[], values: Float32Array, at: number): void {
  for (let i = 0; i < source.length; i++) {
    const value = source[i]
    if (typeof value !== 'number') throw mismatch(`'${name}' has ${nameOf(value)} at ${at + i}; expected a number`)
    values[at + i] = value
    if (!Number.isFinite(values[at + i])) throw notFinite(name, value, at + i)
  }
}

function described(name: string, source: Readonly<Record<string, unknown>>): Tensor {
  const { shape, type = 'f32', data } = source
  if (shape === undefined && data === undefined) throw notAnArray(name, source)
  if (type !== 'f32' && type !== 'i32' && type !== 'u8')
    throw mismatch(`'${name}' has the type ${nameOf(type)}; expected f32, i32 or u8`)
  if (!Array.isArray(shape) || shape.length === 0 || shape.length > RANK_MAX || !shape.every(isLength)) {
    throw mismatch(`'${name}' has no usable shape; expected a list of 1 to ${RANK_MAX} whole numbers from 1`)
  }
  const length = lengthOf(name, shape)
  if (Array.isArray(data)) {
    if (data.length !== length)
      throw mismatch(`'${name}' has ${data.length} numbers; expected ${length} for the shape ${shapeText(shape)}`)
    const values = new Float32Array(length)
    fillFlat(name, data, values, 0)
    return { shape, values, type }
  }
  if (Buffer.isBuffer(data)) return { shape, values: decoded(name, data, type, length), type }
  if (typeof data !== 'string')
    throw mismatch(`the data of '${name}' is ${nameOf(data)}; expected a flat list or base64`)
  return { shape, values: decoded(name, Buffer.from(data, 'base64'), type, length), type }
}

/** Most likely the output of another step, which has its array in a field. */
function notAnArray(name: string, source: Readonly<Record<string, unknown>>): BlockError {
  const found = `'${name}' is ${objectText(source)}; expected a list of numbers, {shape, data} or {blob}`
  const inner = Object.entries(source).find(([, value]) => typeof value === 'object' && value !== null)?.[0]
  const field = inner ?? ('output' in source ? 'output' : undefined)
  if (field === undefined) return mismatch(found)
  const what = inner === undefined ? nameOf(source[field]) : 'what looks like one'
  return mismatch(`${found}. It has ${what} in '${field}': for the output of a step write \${steps.ID.output.${field}}`)
}

function decoded(name: string, bytes: Buffer, type: ElementType, length: number): Float32Array {
  if (bytes.length !== length * BYTES[type]) {
    throw mismatch(`the data of '${name}' has ${bytes.length} bytes; expected ${length * BYTES[type]} of ${type}`)
  }
  if (type === 'u8') return Float32Array.from(bytes)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const values = new Float32Array(length)
  for (let i = 0; i < length; i++) {
    values[i] = type === 'f32' ? view.getFloat32(i * 4, true) : view.getInt32(i * 4, true)
    if (!Number.isFinite(values[i])) throw notFinite(name, values[i]!, i)
  }
  return values
}

function lengthOf(name: string, shape: readonly number[]): number {
  const length = shape.reduce((a, b) => a * b, 1)
  if (length === 0) throw mismatch(`'${name}' is empty, of the shape ${shapeText(shape)}; expected at least one number`)
  if (length > ELEMENTS_MAX) throw tooLarge(`'${name}' has ${length} numbers; expected at most ${ELEMENTS_MAX}`)
  return length
}

function isLength(value: unknown): boolean {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 1
}

function notFinite(name: string, value: number, at?: number): BlockError {
  const place = at === undefined ? '' : ` at ${at}`
  return new BlockError(
    'NOT_FINITE',
    `${name === 'the result' ? name : `'${name}'`} has ${value}${place}; expected a finite number of 32 bits`,
  )
}

function nameOf(value: unknown): string {
  if (value === null || value === undefined) return 'nothing'
  return Array.isArray(value)
    ? 'a list'
    : typeof value === 'object'
      ? 'an object'
      : `the ${typeof value} ${String(value).slice(0, 40)}`
}
