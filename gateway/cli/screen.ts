/** Draws some lines again and again in the same place of a terminal. */
import type { Output } from './dependencies.ts'

const HIDE_CURSOR = '\x1b[?25l'
const SHOW_CURSOR = '\x1b[?25h'
const CLEAR_BELOW = '\x1b[J'

export interface Screen {
  draw(lines: readonly string[]): void
  /** Leaves what was drawn last, and the cursor below it. */
  close(): void
}

export function openScreen(stdout: Output): Screen {
  /** Lengths of the lines on the screen now, without colours. */
  let drawn: readonly number[] = []
  stdout.write(HIDE_CURSOR)
  return {
    draw(lines) {
      // a terminal that has become narrower has wrapped what was drawn
      const columns = stdout.columns || 80
      const up = drawn.reduce((sum, length) => sum + Math.max(1, Math.ceil(length / columns)), 0)
      const back = up === 0 ? '' : `\x1b[${up}A`
      stdout.write(`${back}\r${CLEAR_BELOW}${lines.map((line) => `${line}\n`).join('')}`)
      drawn = lines.map((line) => withoutColours(line).length)
    },
    close: () => void stdout.write(SHOW_CURSOR),
  }
}

export function withoutColours(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what begins a colour
  return text.replace(/\u001b\[\d+m/g, '')
}
