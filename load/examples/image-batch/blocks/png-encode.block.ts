/** A custom block: an array from a kernel becomes a PNG. See docs/custom-blocks.md. */
import { encodePng } from './png.ts'

interface Context {
  readonly input: { readonly image: { readonly shape: readonly number[]; readonly data: string } }
  readonly fail: (code: string, message: string) => never
}

export default {
  type: 'custom.png-encode',
  version: 1,
  summary: 'Encodes an image of bytes as PNG and returns `{png, size}`.',
  inputSchema: {
    type: 'object',
    required: ['image'],
    properties: {
      image: {
        type: 'object',
        description: 'As kernels return it with `encoding: base64`.',
        required: ['type', 'shape', 'data'],
        properties: {
          type: { const: 'u8' },
          shape: { type: 'array', items: { type: 'integer', minimum: 1 }, minItems: 2, maxItems: 3 },
          data: { type: 'string' },
        },
      },
    },
    additionalProperties: false,
  },
  outputSchema: {
    type: 'object',
    properties: {
      png: { type: 'string', description: 'The file in base64.' },
      size: { type: 'integer', description: 'Its bytes.' },
    },
  },
  errors: [{ code: 'PIXELS_MISSING', class: 'permanent', meaning: 'The data are not as long as the shape says.' }],
  example: { image: { type: 'u8', shape: [1, 1], data: 'gA==' } },
  pure: true,
  run({ input, fail }: Context) {
    const [height, width, channels = 1] = input.image.shape as [number, number, number?]
    const pixels = Buffer.from(input.image.data, 'base64')
    const expected = height * width * channels
    if (pixels.length !== expected || channels > 4) {
      fail(
        'PIXELS_MISSING',
        `found ${pixels.length} bytes for the shape [${input.image.shape.join(', ')}]; expected ${expected}`,
      )
    }
    const png = encodePng({ height, width, channels, pixels })
    return { png: png.toString('base64'), size: png.length }
  },
}
