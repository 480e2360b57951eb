/** Inputs of a given size whose text does not pack by itself. */

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

function noise(bytes) {
  const parts = new Array(bytes)
  for (let i = 0; i < bytes; i++) parts[i] = LETTERS[(Math.random() * 64) | 0]
  return parts.join('')
}

/** Each VU has noise of its own, made once for each size. */
const made = {}

/** JSON of an object of about `bytes` bytes, with an `index`. */
export function payload(bytes, index) {
  const empty = 40
  const length = Math.max(0, bytes - empty)
  made[bytes] ||= noise(length + 1024)
  const from = (Math.random() * 1024) | 0
  return `{"index":"${String(index).padStart(10, '0')}","text":"${made[bytes].slice(from, from + length)}"}`
}
