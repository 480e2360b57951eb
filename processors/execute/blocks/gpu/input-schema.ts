/** JSON Schema of the input of `kernel`. Which fields a kernel takes is checked by the block, with a message that names the kernel. */

const array = (description: string) => ({
  type: ['array', 'object'],
  description: `${description} Lists of numbers, \`{shape, type: f32|i32|u8, data}\` with a flat list or base64 of little-endian bytes, or a blob, \`{blob}\`.`,
})
const whole = (maximum: number, description: string) => ({ type: 'integer', minimum: 1, maximum, description })
const formula = { type: 'string', minLength: 1, maxLength: 8_192 }

export const inputSchema = {
  type: 'object',
  required: ['kernel'],
  properties: {
    kernel: { type: 'string', description: 'Which kernel.' },
    encoding: {
      enum: ['array', 'base64', 'blob'],
      description: 'How arrays of the result are written, or that they are stored as blobs; default `array`.',
    },
    values: array('reduce, histogram, softmax: the numbers.'),
    op: { enum: ['sum', 'mean', 'min', 'max'], description: 'reduce: what is made of them.' },
    by: { enum: ['all', 'rows'], description: 'reduce: of all numbers (default) or of each row.' },
    formula: { ...formula, description: 'map, monte-carlo: an expression.' },
    inputs: { type: 'object', description: 'map, custom: arrays and numbers by name. monte-carlo: numbers by name.' },
    variables: { type: 'object', description: 'monte-carlo: `uniform` or `normal` by name.' },
    samples: whole(1_000_000_000, 'monte-carlo: how many draws; rounded up to a multiple of 1024.'),
    seed: { type: 'integer', minimum: 0, maximum: 4_294_967_295, description: 'monte-carlo: default 0.' },
    a: array('matmul: the left matrix.'),
    b: array('matmul: the right matrix.'),
    image: array('conv2d, image-resize, image-filter: the image.'),
    filter: { type: ['array', 'object', 'string'], description: 'conv2d: weights. image-filter: weights or a name.' },
    padding: { enum: ['same', 'valid'], description: 'conv2d: default `same`.' },
    stride: whole(1_024, 'conv2d: default 1.'),
    query: array('cosine-top-k: what is looked for.'),
    matrix: array('cosine-top-k: the rows.'),
    dimensions: whole(1_000_000, 'cosine-top-k: numbers in a row of a flat `matrix`.'),
    k: whole(10_000, 'cosine-top-k: how many rows to return, at most.'),
    points: array('kmeans-assign: one point a row.'),
    centroids: array('kmeans-assign: one centroid a row.'),
    bins: whole(65_536, 'histogram: how many.'),
    min: { type: 'number', description: 'histogram: lower edge of the first bin.' },
    max: { type: 'number', description: 'histogram: upper edge of the last bin.' },
    height: whole(65_536, 'image-resize: rows of the result.'),
    width: whole(65_536, 'image-resize: columns of the result.'),
    method: { enum: ['bilinear', 'nearest'], description: 'image-resize: default `bilinear`.' },
    source: { ...formula, description: 'custom: a function of the kernel language.' },
    constants: { type: 'object', description: 'custom: numbers by name, which bounds of loops may use.' },
    size: {
      type: 'array',
      minItems: 1,
      maxItems: 3,
      items: whole(16_777_216, 'Places in this direction.'),
      description: 'custom: places to run for, `[x]`, `[x, y]` or `[x, y, z]`; the result is `[z, y, x]`.',
    },
  },
  additionalProperties: false,
}
