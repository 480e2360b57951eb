/** What is stored beside each read position of a task: how long its changelog was, so that one which was deleted or cut since is noticed. */

export function encodeMark(changelogPosition: number): string {
  return `changelog=${changelogPosition}`
}

/** 0 for anything else, as positions that an operator has set. */
export function decodeMark(metadata: string | undefined): number {
  const [, position] = /^changelog=(\d{1,16})$/.exec(metadata ?? '') ?? []
  return Number(position ?? 0)
}
