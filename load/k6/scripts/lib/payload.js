/** Inputs of a given size whose text does not pack by itself. */
import { randomBytes } from 'k6/crypto'
import { b64decode, b64encode } from 'k6/encoding'

/** By size. Each VU makes noise of its own, once, and takes another stretch of it each time: k6 shares the cores with what it measures. */
const made = {}
const SPARE = 4096

function noise(length) {
  const bytes = Math.ceil(((length + SPARE) * 3) / 4) + 3
  return b64encode(randomBytes(bytes), 'rawurl')
}

/** JSON of an object of `bytes` bytes (at least 40), with an `index`. */
export function payload(bytes, index) {
  const length = Math.max(0, bytes - 32)
  made[bytes] ||= noise(length)
  const from = (Math.random() * SPARE) | 0
  const text = made[bytes].slice(from, from + length)
  return `{"index":"${String(index).padStart(10, '0')}","text":"${text}"}`
}

/**
 * The whole request body of a submission with such an input, as bytes. They are made once for each VU and changed in place: a new text of this size costs k6
 * several copies, which on shared cores is taken from what it measures. Valid until the next call for the same flow and size.
 */
export function body(flow, bytes, index) {
  const name = `${flow} ${bytes}`
  bodies[name] ||= makeBody(flow, bytes)
  const { buffer, view, spare, indexAt, textAt, length } = bodies[name]
  const from = (Math.random() * SPARE) | 0
  view.set(spare.subarray(from, from + length), textAt)
  const digits = String(index).padStart(INDEX_DIGITS, '0')
  for (let at = 0; at < INDEX_DIGITS; at++) view[indexAt + at] = digits.charCodeAt(at)
  return buffer
}

const bodies = {}
const INDEX_DIGITS = 10

function makeBody(flow, bytes) {
  const text = `{"flow":"${flow}","input":${payload(bytes, 0)}}`
  const buffer = bytesOf(text)
  const indexAt = text.indexOf(':"0') + 2
  const textAt = text.indexOf('"text":"') + 8
  const spare = new Uint8Array(bytesOf(made[bytes]))
  return { buffer, view: new Uint8Array(buffer), spare, indexAt, textAt, length: text.length - 3 - textAt }
}

/** Of ASCII text, natively: a loop over so much of it takes k6 tens of milliseconds. */
const bytesOf = (text) => b64decode(b64encode(text))
