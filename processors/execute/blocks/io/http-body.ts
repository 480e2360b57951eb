/** The body of an HTTP request in the forms a step may give it. Pure. */
import type { Json } from '../../../../schemas/json.ts'
import { BlockError } from '../../block.ts'

export interface BodyInput {
  readonly body?: Json
  readonly form?: { readonly [name: string]: Json }
  readonly bytes?: string
  readonly multipart?: readonly MultipartInput[]
  /** What has been read of a blob. */
  readonly blob?: HttpBody
}

export interface MultipartInput {
  readonly name: string
  readonly value?: string
  readonly bytes?: string
  readonly filename?: string
  readonly type?: string
}

export interface HttpBody {
  readonly content: string | Uint8Array
  /** Content type, unless the step names one. */
  readonly type: string | null
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

/** `boundary` parts a multipart body; it must not occur in it. @throws {BlockError} `REQUEST_BUILD_ERROR` */
export function requestBody(input: BodyInput, boundary: string): HttpBody | null {
  const given = (['body', 'form', 'bytes', 'multipart', 'blob'] as const).filter((name) => input[name] != null)
  if (given.length > 1) throw refused(`the input has ${given.map((name) => `'${name}'`).join(' and ')}; expected one`)
  if (input.blob != null) return input.blob
  if (input.form != null) return { content: formOf(input.form), type: 'application/x-www-form-urlencoded' }
  if (input.bytes != null) return { content: fromBase64(input.bytes, 'bytes'), type: 'application/octet-stream' }
  if (input.multipart != null) {
    return { content: multipartOf(input.multipart, boundary), type: `multipart/form-data; boundary=${boundary}` }
  }
  if (input.body == null) return null
  if (typeof input.body === 'string') return { content: input.body, type: null }
  return { content: JSON.stringify(input.body), type: 'application/json' }
}

/** Values of a query or form: a list repeats its name. */
export function pairsOf(values: { readonly [name: string]: Json }): [string, string][] {
  return Object.entries(values).flatMap(([name, value]) => {
    return [value]
      .flat()
      .filter((one) => one !== null)
      .map((one): [string, string] => [name, plainText(name, one as Json)])
  })
}

export function fromBase64(text: string, name: string): Buffer {
  if (!BASE64.test(text)) throw refused(`'${name}' is no base64`)
  return Buffer.from(text, 'base64')
}

function formOf(form: { readonly [name: string]: Json }): string {
  return new URLSearchParams(pairsOf(form)).toString()
}

function plainText(name: string, value: Json): string {
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  throw refused(
    `'${name.slice(0, 80)}' is ${Array.isArray(value) ? 'a list' : 'an object'}; expected a text, number or boolean`,
  )
}

function multipartOf(parts: readonly MultipartInput[], boundary: string): Buffer {
  const chunks: Uint8Array[] = []
  for (const part of parts) {
    const file = part.filename === undefined ? '' : `; filename="${quoted(part.filename)}"`
    const type = part.type ?? (part.bytes === undefined ? null : 'application/octet-stream')
    if (type !== null && /[\r\n\0]/.test(type))
      throw refused(`the type of part '${part.name.slice(0, 80)}' has a line break`)
    const head = `--${boundary}\r\nContent-Disposition: form-data; name="${quoted(part.name)}"${file}\r\n`
    chunks.push(Buffer.from(`${head}${type === null ? '' : `Content-Type: ${type}\r\n`}\r\n`))
    chunks.push(
      part.bytes === undefined ? Buffer.from(part.value ?? '') : fromBase64(part.bytes, part.name.slice(0, 80)),
    )
    chunks.push(Buffer.from('\r\n'))
  }
  chunks.push(Buffer.from(`--${boundary}--\r\n`))
  return Buffer.concat(chunks)
}

/** As the WHATWG's multipart encoding does. */
function quoted(text: string): string {
  return text.replace(/\r/g, '%0D').replace(/\n/g, '%0A').replace(/"/g, '%22')
}

function refused(message: string): BlockError {
  return new BlockError('REQUEST_BUILD_ERROR', message)
}
