/** As much of a message as the tests look at. */
export interface ParsedMail {
  readonly recipients: readonly string[]
  readonly headers: ReadonlyMap<string, string>
  readonly body: string
}

export function simpleParser(text: string, recipients: readonly string[]): ParsedMail {
  const end = text.indexOf('\r\n\r\n')
  const lines = text
    .slice(0, end)
    .replace(/\r\n[ \t]+/g, ' ')
    .split('\r\n')
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
  })
  return { recipients, headers: new Map(headers), body: text.slice(end + 4) }
}
