/** What a blob of numbers holds, as media type: `application/vnd.beamline.array; type=f32; shape=2x3`. Numbers are little-endian, the last dimension is the fastest. */
export const ELEMENT_BYTES = { f32: 4, i32: 4, u8: 1 } as const
export type ArrayElement = keyof typeof ELEMENT_BYTES

export interface ArrayInfo {
  readonly type: ArrayElement
  readonly shape: readonly number[]
}

const MEDIA_TYPE = 'application/vnd.beamline.array'
const FORM = /^application\/vnd\.beamline\.array; ?type=(f32|i32|u8); ?shape=([1-9]\d{0,9}(?:x[1-9]\d{0,9}){0,7})$/

export function isArrayElement(text: string): text is ArrayElement {
  return Object.hasOwn(ELEMENT_BYTES, text)
}

export function arrayMediaType({ type, shape }: ArrayInfo): string {
  return `${MEDIA_TYPE}; type=${type}; shape=${shape.join('x')}`
}

/** `null` for any other media type. */
export function arrayOfMediaType(mediaType: string): ArrayInfo | null {
  const [, type, shape] = FORM.exec(mediaType) ?? []
  return type === undefined ? null : { type: type as ArrayElement, shape: shape!.split('x').map(Number) }
}

export function arrayBytes({ type, shape }: ArrayInfo): number {
  return shape.reduce((product, length) => product * length, ELEMENT_BYTES[type])
}
