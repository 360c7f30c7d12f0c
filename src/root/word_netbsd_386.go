package root

const is386 = 1
