const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
const DURATION = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/

/** Ten years. */
export const MAX_DURATION_MS = 3_650 * UNITS.d

/** Milliseconds of a length of time like `200ms`, `10s`, `5m`, `24h` or `7d`; `null` if it is none or longer than ten years. */
export function parseDuration(text: string): number | null {
  const parts = DURATION.exec(text.trim())
  if (parts === null) return null
  const ms = Math.round(Number(parts[1]) * UNITS[parts[2] as keyof typeof UNITS])
  return ms <= MAX_DURATION_MS ? ms : null
}
