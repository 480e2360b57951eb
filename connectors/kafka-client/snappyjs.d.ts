declare module 'snappyjs' {
  /** @throws if the input is not Snappy, or would unpack to more than `maxLength` bytes */
  export function uncompress(compressed: Buffer, maxLength?: number): Buffer
}
