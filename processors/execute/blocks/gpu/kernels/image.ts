/** Images: [height, width] or [height, width, channels], of bytes or of floats. */
import { type ElementType, mismatch, tensorOfRank } from '../tensor.ts'

export interface Image {
  readonly values: Float32Array
  readonly height: number
  readonly width: number
  readonly channels: number
  readonly type: ElementType
  /** Without a dimension for channels. */
  readonly isFlat: boolean
}

/** @throws {BlockError} `SHAPE_MISMATCH` and those of tensors */
export function imageOf(source: unknown): Image {
  const { shape, values, type } = tensorOfRank('image', source, [2, 3])
  const [height, width, channels = 1] = shape as [number, number, number?]
  if (channels > 4) throw mismatch(`'image' has ${channels} channels; expected 1 to 4, as [height, width, channels]`)
  return { values, height, width, channels, type, isFlat: shape.length === 2 }
}

export function imageShape({ isFlat, channels }: Image, height: number, width: number): readonly number[] {
  return isFlat ? [height, width] : [height, width, channels]
}

/** Where a thread is, whose x counts channels within columns. */
export const PIXEL = `const column = Math.floor((this.thread.x + 0.5) / channels);
    const channel = this.thread.x - column * channels;`
