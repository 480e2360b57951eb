/** What is answered when there is no request to speak of: what came is no HTTP, is too large in its head, or did not come in time. */
import type { Duplex } from 'node:stream'

interface Refusal {
  readonly status: string
  readonly code: 'invalid_request' | 'timeout'
  readonly message: string
}

const REFUSALS: { readonly [code: string]: Refusal } = {
  HPE_HEADER_OVERFLOW: {
    status: '431 Request Header Fields Too Large',
    code: 'invalid_request',
    message: 'the address and the headers are too large; expected at most 16 KiB together',
  },
  ERR_HTTP_REQUEST_TIMEOUT: {
    status: '408 Request Timeout',
    code: 'timeout',
    message: 'the request did not come to its end in time',
  },
}
const NO_HTTP: Refusal = { status: '400 Bad Request', code: 'invalid_request', message: 'this is no HTTP request' }

/** For `clientError` of a server. */
export function answerClientError(error: Error & { readonly code?: string }, socket: Duplex): void {
  if (socket.destroyed) return
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const { status, code, message } = REFUSALS[error.code ?? ''] ?? NO_HTTP
  const problem = { code, message, details: { code: error.code ?? 'UNKNOWN' } }
  const context = { request_id: '', trace_id: null, tenant_id: 'default' }
  const body = JSON.stringify({ ok: false, error: problem, context })
  const head = `HTTP/1.1 ${status}\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n`
  socket.end(head + body, () => socket.destroy())
}
