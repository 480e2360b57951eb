/** `/api/v1/blobs` */
import * as common from './common.ts'
import { BYTES_TYPE, json, operation } from './operation.ts'
import { bytes, choice, integer, list, named, nullable, object, optional, text } from './schema.ts'

const tag = 'blobs'
const hash = text('SHA-256 of the content, lower-case hexadecimal.', { pattern: '^[0-9a-f]{64}$' })
const element = choice('Type of the numbers, little-endian.', ['f32', 'i32', 'u8'])

const stored = named(
  'Blob',
  object(
    {
      blob: text('Reference, for inputs of runs and steps.', { pattern: '^blob://[0-9a-f]{64}$' }),
      size: integer('Bytes.', 0),
      type: nullable(text('Media type.')),
      hash,
      array: optional(
        object(
          {
            type: element,
            shape: list(integer('Length.', 1), 'The last dimension is the fastest.'),
            blob: text('The reference.'),
          },
          'Of numbers: what a kernel takes as input.',
        ),
      ),
    },
    'A stored content.',
  ),
)

export const putBlob = operation({
  method: 'POST',
  path: '/api/v1/blobs',
  tag,
  summary: 'Store a blob',
  description:
    'The body is streamed and may have any media type. The same content again is the same blob. A blob that no run refers to is removed after a while (`blobs.keep`).',
  headers: common.tenantHeader,
  query: {
    sha256: optional(text('What the content should have; with another one the request is refused.')),
    array: optional(element),
    shape: optional(text('With `array`: lengths of its dimensions, e.g. `2,3`.')),
  },
  body: { description: 'The content.', type: BYTES_TYPE, schema: bytes('The content.'), required: false },
  answers: { 201: json(stored, 'It is stored durably.') },
  errors: ['invalid_request', 'payload_too_large', 'unsupported_media_type', 'not_implemented'],
})

export const getBlob = operation({
  method: 'GET',
  path: '/api/v1/blobs/:hash',
  tag,
  summary: 'Load a blob',
  description: 'Takes one range, and answers `HEAD` with size and type alone.',
  headers: {
    ...common.tenantHeader,
    Range: optional(text('E.g. `bytes=0-1023`.')),
    'If-Range': optional(text('`ETag` of an earlier answer: with another one the whole is sent.')),
    'If-None-Match': optional(text('`ETag` of an earlier answer: 304 if it is the same.')),
  },
  params: { hash },
  answers: {
    200: { description: 'The content.', type: BYTES_TYPE, schema: bytes('The content.') },
    206: { description: 'The range.', type: BYTES_TYPE, schema: bytes('The range.') },
  },
  errors: ['invalid_request', 'not_found', 'range_not_satisfiable', 'not_implemented'],
})
