/** A custom block to begin with: copy it into the folder that `blocks.folder` names, and change it. See ../custom-blocks.md. */

interface Context {
  readonly input: { readonly text: string; readonly maxLength?: number }
  readonly log: (level: 'debug' | 'info' | 'warn' | 'error', message: string) => void
  readonly fail: (code: string, message: string) => never
}

const DEFAULT_MAX_LENGTH = 60

export default {
  type: 'custom.slug',
  version: 1,
  summary: 'Makes a name for addresses out of a text and returns `{slug}`.',
  inputSchema: {
    type: 'object',
    properties: {
      text: { type: 'string', description: 'What the name is made of.' },
      maxLength: { type: 'integer', minimum: 1, maximum: 200, default: DEFAULT_MAX_LENGTH },
    },
    required: ['text'],
    additionalProperties: false,
  },
  outputSchema: { type: 'object', properties: { slug: { type: 'string' } } },
  errors: [{ code: 'NOTHING_LEFT', class: 'permanent', meaning: 'The text has no letter or digit.' }],
  example: { text: 'Crème brûlée, twice' },
  pure: true,
  run({ input, log, fail }: Context) {
    const { text, maxLength = DEFAULT_MAX_LENGTH } = input
    const plain = text.normalize('NFKD').replaceAll(/\p{M}/gu, '').toLowerCase()
    const slug = plain.replaceAll(/[^\p{L}\p{N}]+/gu, '-').replaceAll(/^-|-$/g, '')
    if (slug === '') fail('NOTHING_LEFT', `found ${JSON.stringify(text)}; expected a letter or digit`)
    if (slug.length > maxLength) log('warn', `cut from ${slug.length} characters`)
    return { slug: slug.slice(0, maxLength) }
  },
}
