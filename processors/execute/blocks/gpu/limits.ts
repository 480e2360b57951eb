/** What a kernel may take. */

/** Numbers of one array: 32-bit floats count exactly up to here, and indices are such floats on some backends. */
export const ELEMENTS_MAX = 2 ** 24
/** Operations of one step; a slow device does this in about a minute. */
export const WORK_MAX = 2 ** 36
/** Numbers of all arrays of a dispatch that joins several steps. Where an index is found by division, it is exact up to here. */
export const JOINED_ELEMENTS_MAX = 2 ** 20
/** Steps in one dispatch. */
export const JOINED_MAX = 64
/** Compiled programs that a device keeps. */
export const COMPILED_MAX = 64
/** Numbers of the arrays that such programs keep on the device, where each is compiled for one size: 512 MiB. What is under way may be more. */
export const HELD_MAX = 2 ** 27
/** Inputs of one kernel of a user; WebGPU promises eight arrays, one is the output. */
export const INPUTS_MAX = 6
