/** Measured values by name. */
export const createTally = () => {
  const values = new Map<string, number[]>()
  return {
    add: (name: string, value: number): void => void values.set(name, [...(values.get(name) ?? []), value]),
    of: (name: string): readonly number[] => values.get(name) ?? [],
  }
}
