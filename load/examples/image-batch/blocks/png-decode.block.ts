/** A custom block: a PNG becomes an array that kernels take. See docs/custom-blocks.md. */
import { decodePng, type Picture } from './png.ts'

interface Context {
  readonly input: { readonly png: string }
  readonly fail: (code: string, message: string) => never
}

export default {
  type: 'custom.png-decode',
  version: 1,
  summary: 'Decodes a PNG and returns its pixels as `{type, shape, data}`, which kernels take as an image.',
  inputSchema: {
    type: 'object',
    required: ['png'],
    properties: { png: { type: 'string', description: 'The file in base64.' } },
    additionalProperties: false,
  },
  outputSchema: {
    type: 'object',
    properties: {
      type: { const: 'u8' },
      shape: { type: 'array', description: '[height, width, channels].' },
      data: { type: 'string', description: 'The bytes in base64.' },
    },
  },
  errors: [
    { code: 'PNG_BROKEN', class: 'permanent', meaning: 'The file is no PNG, broken, or of a kind that is not read.' },
  ],
  example: { png: 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg==' },
  pure: true,
  run({ input, fail }: Context) {
    const { height, width, channels, pixels } = decoded(input.png, fail)
    return { type: 'u8', shape: [height, width, channels], data: Buffer.from(pixels).toString('base64') }
  },
}

function decoded(png: string, fail: Context['fail']): Picture {
  try {
    return decodePng(Buffer.from(png, 'base64'))
  } catch (error) {
    return fail('PNG_BROKEN', `the picture cannot be read: ${(error as Error).message}`)
  }
}
