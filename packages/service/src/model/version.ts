/** Of this Larder, as in its package: another one copies the state before it writes. */
export const larderVersion = '0.1.0'
