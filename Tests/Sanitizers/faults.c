// Undefined from 32 places on.
int shift_left(int number, int places) { return number << places; }
