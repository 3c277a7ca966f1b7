// Patterns of classes, so that nothing is said by color alone.

const SIDE = 16;

/** Draws one of the patterns; after eight, they repeat with a wider spacing. */
function draw(context: CanvasRenderingContext2D, index: number): void {
  const step = index >= 8 ? SIDE : SIDE / 2;
  const line = (x0: number, y0: number, x1: number, y1: number): void => {
    context.beginPath();
    context.moveTo(x0, y0);
    context.lineTo(x1, y1);
    context.stroke();
  };
  context.strokeStyle = context.fillStyle = "rgba(0, 0, 0, 0.62)";
  context.lineWidth = 1.4;
  const [rising, falling, level, upright, dots] = [
    [0, 4, 6],
    [1, 4],
    [2, 5, 6],
    [3, 5],
    [7],
  ].map((of) => of.includes(index % 8));
  for (let at = -SIDE; at <= 2 * SIDE; at += step) {
    if (rising) line(at, SIDE, at + SIDE, 0);
    if (falling) line(at, 0, at + SIDE, SIDE);
    if (level) line(0, at + step / 2, SIDE, at + step / 2);
    if (upright) line(at + step / 2, 0, at + step / 2, SIDE);
    for (let row = step / 2; dots && row < SIDE; row += step) context.fillRect(at + step / 2 - 1.2, row - 1.2, 2.4, 2.4);
  }
}

function canvas(): { element: HTMLCanvasElement; context: CanvasRenderingContext2D | null } {
  const element = document.createElement("canvas");
  element.width = element.height = SIDE;
  return { element, context: element.getContext("2d", { willReadFrequently: true }) };
}

/** The pattern of the class with this position in the legend, as an image that repeats. */
export function pattern(index: number): ImageData | null {
  const { context } = canvas();
  if (context === null) return null;
  draw(context, index);
  return context.getImageData(0, 0, SIDE, SIDE);
}

/** The color of a class, with its pattern, as an element of the legend. */
export function swatch(color: string, index: number, patterned: boolean): HTMLCanvasElement {
  const { element, context } = canvas();
  element.className = "swatch";
  element.setAttribute("aria-hidden", "true");
  if (context !== null) {
    context.fillStyle = color;
    context.fillRect(0, 0, SIDE, SIDE);
    if (patterned) draw(context, index);
  }
  return element;
}
