/** As much of a message as is looked at: its headers and its parts, decoded. */

export interface Delivery {
  /** Addresses of the envelope. */
  readonly to: readonly string[]
  /** As it came, with headers. */
  readonly message: string
}

export interface MailPart {
  readonly headers: ReadonlyMap<string, string>
  /** Media type, e.g. `text/plain`. */
  readonly type: string
  readonly text: string
}

export interface Mail {
  readonly headers: ReadonlyMap<string, string>
  readonly parts: readonly MailPart[]
}

export function parseMail(message: string): Mail {
  return { headers: split(message).headers, parts: partsOf(message) }
}

function partsOf(message: string): readonly MailPart[] {
  const { headers, body } = split(message)
  const type = headers.get('content-type') ?? 'text/plain'
  const boundary = /^multipart\/.*boundary="?([^";]+)"?/s.exec(type)?.[1]
  if (boundary === undefined) {
    return [{ headers, type: type.split(';')[0]!, text: decoded(body, headers.get('content-transfer-encoding')) }]
  }
  const sections = `\r\n${body}`.split(`\r\n--${boundary}`).slice(1, -1)
  return sections.flatMap((section) => partsOf(section.replace(/^\r\n/, '')))
}

function split(message: string): { readonly headers: ReadonlyMap<string, string>; readonly body: string } {
  const end = message.indexOf('\r\n\r\n')
  const lines = message
    .slice(0, end)
    .replace(/\r\n[ \t]+/g, ' ')
    .split('\r\n')
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
  })
  return { headers: new Map(headers), body: message.slice(end + 4) }
}

function decoded(body: string, encoding: string | undefined): string {
  if (encoding === 'base64') return Buffer.from(body, 'base64').toString('utf8')
  if (encoding !== 'quoted-printable') return body.replaceAll('\r\n', '\n')
  const bytes = body
    .replace(/=\r\n/g, '')
    .replaceAll('\r\n', '\n')
    .replace(/=([0-9A-F]{2})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
  return Buffer.from(bytes, 'latin1').toString('utf8')
}
