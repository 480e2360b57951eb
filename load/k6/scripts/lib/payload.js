/** Inputs of a given size whose text does not pack by itself. */
import { randomBytes } from 'k6/crypto'
import { b64encode } from 'k6/encoding'

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
