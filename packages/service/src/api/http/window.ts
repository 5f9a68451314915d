/** So many at a time; the others wait in their order. */
export const createWindow = (size: number): (<T>(work: () => Promise<T>) => Promise<T>) => {
  let underWay = 0
  const waiting: (() => void)[] = []
  return async (work) => {
    if (underWay >= size) await new Promise<void>((resolve) => waiting.push(resolve))
    else underWay += 1
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next === undefined) underWay -= 1
      else next()
    }
  }
}
