/** Takes secrets out of what a step says, in all the forms in which they may turn up there. Pure. */
import type { Json } from '../../../../schemas/json.ts'

export interface Redactor {
  text(text: string): string
  value(value: Json): Json
}

/** Shorter ones could not be told from other text. */
export const SECRET_MIN_CHARS = 4

/** `secrets` by name. */
export function createRedactor(secrets: ReadonlyMap<string, string>): Redactor {
  const forms: (readonly [form: string, mark: string])[] = []
  for (const [name, secret] of secrets) {
    for (const form of formsOf(secret)) forms.push([form, `[secret ${name}]`])
  }
  // the longest first, so that no part of a form is left over
  forms.sort((a, b) => b[0].length - a[0].length)
  const text = (given: string): string => {
    let clean = given
    for (const [form, mark] of forms) if (clean.includes(form)) clean = clean.replaceAll(form, mark)
    return clean
  }
  return { text, value: (value) => redacted(value, text) }
}

/** The secret as it is, inside JSON and URLs, in base64 at each of its three alignments, in hexadecimal. */
export function formsOf(secret: string): ReadonlySet<string> {
  const bytes = Buffer.from(secret)
  const hex = bytes.toString('hex')
  const url = encodeURIComponent(secret)
  const forms = new Set([
    secret,
    JSON.stringify(secret).slice(1, -1),
    url,
    url.replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`),
    url.replaceAll('%20', '+'),
    new URLSearchParams([['', secret]]).toString().slice(1),
    url.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase()),
    hex,
    hex.toUpperCase(),
    ...base64Forms(bytes),
  ])
  return new Set([...forms].filter((form) => form.length >= SECRET_MIN_CHARS))
}

/** What of the secret alone shows up in the base64 of any text that has it inside. */
function base64Forms(bytes: Buffer): string[] {
  return [0, 1, 2].flatMap((before) => {
    const padded = Buffer.concat([Buffer.alloc(before), bytes])
    // characters that also depend on the bytes before or after are left out
    const from = Math.ceil((before * 8) / 6)
    const to = Math.floor((padded.length * 8) / 6)
    const plain = padded.toString('base64').slice(from, to)
    const forUrls = padded.toString('base64url').slice(from, to)
    // a few characters would be found in any text
    return plain.length < 6 ? [] : [plain, forUrls, plain.replaceAll('+', '%2B').replaceAll('/', '%2F')]
  })
}

function redacted(value: Json, text: (given: string) => string): Json {
  if (typeof value === 'string') return text(value)
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((item) => redacted(item, text))
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [text(name), redacted(member, text)]))
}
