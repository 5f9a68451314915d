const nobody = new Int32Array(new SharedArrayBuffer(4))

/** Nothing else runs on this thread meanwhile, as while a program computes; the processor is free for the servers and clients of other tests. */
export const standStill = (milliseconds: number): void => {
  Atomics.wait(nobody, 0, 0, milliseconds)
}
